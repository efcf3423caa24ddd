namespace MetricLearning;

/// <summary>Computes CMC for a gallery with one image of each identity, drawn with equal probability (CUHK03's first protocol).</summary>
internal sealed class SingleShot(Relations relations, TiePolicy ties)
{
    private RetrievalProtocol Protocol => relations.Protocol;

    /// <summary>Adds to entry k − 1 of <paramref name="cmc"/> the probability (or the share of draws) that the match is among the first
    /// k.</summary>
    public void Add(int query, SortedRow list, double[] cmc)
    {
        var identities = Array.ConvertAll(InOrder(query, list), relations.GalleryIdentity);
        if (Protocol.Shots == GalleryShots.SingleExpected) AddExpectation(identities, MatchIdentity(query, list), cmc);
        else AddDraws(identities, MatchIdentity(query, list), SeededRandom.ForStream(Protocol.Seed, (ulong)query), cmc);
    }

    private long MatchIdentity(int query, SortedRow list) =>
        relations.GalleryIdentity(Array.Find(list.Rows, row => relations.IsMatch(query, row)));

    /// <summary>The list with ties in the order of the policy.</summary>
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

    /// <summary>The exact expectation over the draws.</summary>
    /// <remarks>The rank of a match is one more than the number of other identities whose drawn image comes before it. The draws are
    /// independent, so this number has a Poisson binomial distribution.</remarks>
    private static void AddExpectation(long[] identities, long match, double[] cmc)
    {
        var total = new Dictionary<long, int>();
        foreach (var identity in identities) total[identity] = total.GetValueOrDefault(identity) + 1;
        var before = new Dictionary<long, int>();
        var fewer = new double[cmc.Length];
        foreach (var identity in identities)
        {
            before[identity] = before.GetValueOrDefault(identity) + 1;
            if (identity != match) continue;
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
            .Select(g => (Identity: g.Key, Places: g.ToArray())).ToArray();
        var hits = new int[cmc.Length];
        for (var repeat = 0; repeat < Protocol.Repeats; repeat++)
        {
            var drawn = Array.ConvertAll(places, p => p.Places[random.NextInt(p.Places.Length)]);
            var own = drawn[Array.FindIndex(places, p => p.Identity == match)];
            var rank = drawn.Count(place => place <= own);
            if (rank <= hits.Length) hits[rank - 1]++;
        }
        var sum = 0;
        for (var k = 0; k < cmc.Length; k++) cmc[k] += (double)(sum += hits[k]) / Protocol.Repeats;
    }
}
