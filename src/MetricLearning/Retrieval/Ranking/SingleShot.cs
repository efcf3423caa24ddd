namespace MetricLearning;

/// <summary>CMC where the gallery shows one picture of each identity, drawn with equal probability (CUHK03's first protocol).</summary>
internal sealed class SingleShot(RetrievalProtocol protocol, Relations relations, TiePolicy ties)
{
    /// <summary>Adds to entry k − 1 of <paramref name="cmc"/> the probability (or the share of draws) of the match being among the first
    /// k.</summary>
    public void Add(int query, SortedRow list, double[] cmc)
    {
        var identities = Array.ConvertAll(InOrder(query, list), relations.GalleryId);
        if (protocol.Shots == GalleryShots.SingleExpected) AddExpectation(identities, MatchId(query, list), cmc);
        else AddDraws(identities, MatchId(query, list), SeededRandom.ForStream(protocol.Seed, (ulong)query), cmc);
    }

    private long MatchId(int query, SortedRow list) => relations.GalleryId(Array.Find(list.Rows, row => relations.IsMatch(query, row)));

    /// <summary>The list with ties as the policy wants them.</summary>
    private int[] InOrder(int query, SortedRow list)
    {
        if (ties == TiePolicy.ByIndex) return list.Rows;
        var group = new int[list.Rows.Length];
        for (var i = 1; i < group.Length; i++) group[i] = group[i - 1] + (list.TiedToPrevious[i] ? 0 : 1);
        return [.. Enumerable.Range(0, group.Length)
            .OrderBy(i => group[i])
            .ThenBy(i => relations.IsMatch(query, list.Rows[i]) == (ties == TiePolicy.Optimistic) ? 0 : 1)
            .Select(i => list.Rows[i])];
    }

    /// <summary>The rank of a match is one more than the number of other identities whose drawn picture comes before it. These draws are
    /// independent, so that the number has a Poisson binomial distribution.</summary>
    private static void AddExpectation(long[] identities, long match, double[] cmc)
    {
        var total = new Dictionary<long, int>();
        foreach (var id in identities) total[id] = total.GetValueOrDefault(id) + 1;
        var before = new Dictionary<long, int>();
        var fewer = new double[cmc.Length];
        foreach (var id in identities)
        {
            before[id] = before.GetValueOrDefault(id) + 1;
            if (id != match) continue;
            Array.Clear(fewer);
            fewer[0] = 1;       // entry m: the probability that exactly m other identities come before
            foreach (var (other, count) in before)
            {
                if (other == match) continue;
                var probability = (double)count / total[other];
                for (var m = fewer.Length - 1; m > 0; m--) fewer[m] = fewer[m] * (1 - probability) + fewer[m - 1] * probability;
                fewer[0] *= 1 - probability;
            }
            var sum = 0.0;
            for (var k = 0; k < cmc.Length; k++) cmc[k] += (sum += fewer[k]) / total[match];
        }
    }

    private void AddDraws(long[] identities, long match, SeededRandom random, double[] cmc)
    {
        var places = Enumerable.Range(0, identities.Length).GroupBy(i => identities[i]).OrderBy(g => g.Key)
            .Select(g => (Id: g.Key, Places: g.ToArray())).ToArray();
        var hits = new int[cmc.Length];
        for (var repeat = 0; repeat < protocol.Repeats; repeat++)
        {
            var drawn = Array.ConvertAll(places, p => p.Places[random.NextInt(p.Places.Length)]);
            var own = drawn[Array.FindIndex(places, p => p.Id == match)];
            var rank = drawn.Count(place => place <= own);
            if (rank <= hits.Length) hits[rank - 1]++;
        }
        var sum = 0;
        for (var k = 0; k < cmc.Length; k++) cmc[k] += (double)(sum += hits[k]) / protocol.Repeats;
    }
}
