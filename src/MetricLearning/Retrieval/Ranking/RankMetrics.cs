namespace MetricLearning;

/// <summary>The figures of one query from the ranks of its matches.</summary>
/// <remarks>A list is a sequence of groups. A group consists of a number of places, some of which hold matches; all orders within the group
/// have equal probability. A match of known rank is a group with one place and one match, so one set of formulas serves all
/// policies.</remarks>
internal static class RankMetrics
{
    private readonly record struct Group(long Before, int MatchesBefore, int Matches, int Places);

    /// <summary>Sums over the places of a list, each term weighted by the probability of a match at its place.</summary>
    private sealed class Sums(int matches, IReadOnlyList<int> cutOffs)
    {
        public double Precision { get; private set; }
        public double Trapezoid { get; private set; }
        public double PrecisionAtR { get; private set; }
        public double HitsAtR { get; private set; }
        public double Gain { get; private set; }
        public QueryResult.CutOffSums[] AtCutOffs { get; } = [.. cutOffs.Select(k => new QueryResult.CutOffSums(k, 0, 0, 0))];

        public void Add(Group group)
        {
            var (share, step) = ((double)group.Matches / group.Places, group.Places == 1 ? 0 : (group.Matches - 1.0) / (group.Places - 1));
            // Given a match at this place, this is the expected number of matches before it.
            for (var place = 1; place <= group.Places; place++)
                Add(group.Before + place, share, group.MatchesBefore + (place - 1) * step);
            HitsAtR += Within(group, matches);
            foreach (ref var sums in AtCutOffs.AsSpan())
                if (group.Before < sums.K) sums = sums with { Hits = sums.Hits + Within(group, sums.K) };
        }

        private void Add(long rank, double share, double matchesBefore)
        {
            var here = (matchesBefore + 1) / rank;
            Precision += share * here;
            Trapezoid += share * (0.5 * (here + (rank == 1 ? 1 : matchesBefore / (rank - 1))));
            if (rank <= matches) PrecisionAtR += share * here;
            var discounted = share / Math.Log2(rank + 1);
            Gain += discounted;
            foreach (ref var sums in AtCutOffs.AsSpan())
                if (rank <= sums.K) sums = sums with { PrecisionSum = sums.PrecisionSum + share * here, Gain = sums.Gain + discounted };
        }
    }

    /// <summary>Computes a query's figures.</summary>
    public static QueryResult Measure(int query, QueryHits found, TiePolicy ties, IReadOnlyList<int> cutOffs)
    {
        if (found.Skipped != SkipReason.None) return new QueryResult(query, found.Skipped)
        {
            Candidates = found.Candidates,
            Sums = [.. cutOffs.Select(k => new QueryResult.CutOffSums(k, double.NaN, double.NaN, double.NaN, double.NaN))],
        };
        var groups = Groups(found.Hits, ties);
        var (total, first, last) = (found.Hits.Length, groups[0], groups[^1]);
        var sums = new Sums(total, cutOffs);
        foreach (var group in groups) sums.Add(group);
        double reciprocal = 0, inverse = 0;
        foreach (var (place, probability) in FirstPlace(first)) reciprocal += probability / (first.Before + place);
        foreach (var (place, probability) in FirstPlace(last)) inverse += probability * total / (last.Before + last.Places + 1 - place);
        return new QueryResult(query, SkipReason.None)
        {
            Matches = total,
            Candidates = found.Candidates,
            FirstMatch = first.Before + (first.Places + 1.0) / (first.Matches + 1),
            LastMatch = last.Before + last.Places + 1 - (last.Places + 1.0) / (last.Matches + 1),
            AveragePrecision = sums.Precision / total,
            AveragePrecisionTrapezoid = sums.Trapezoid / total,
            InverseNegativePenalty = inverse,
            ReciprocalRank = reciprocal,
            RPrecision = sums.HitsAtR / total,
            AveragePrecisionAtR = sums.PrecisionAtR / total,
            NormalizedDiscountedGain = sums.Gain / LargestGain(total),
            Sums = sums.AtCutOffs,
        };
    }

    /// <summary>Adds, to entry k − 1 of <paramref name="cmc"/>, the probability that the first match is among the first k.</summary>
    public static void AddFirstMatch(QueryHits found, TiePolicy ties, double[] cmc)
    {
        var (first, missing) = (GroupAt(found.Hits, 0, ties), 1.0);
        for (var k = first.Before + 1; k <= cmc.Length; k++)
        {
            var place = k - first.Before;
            missing = place > first.Places - first.Matches ? 0
                : missing * (first.Places - first.Matches - place + 1) / (first.Places - place + 1);
            cmc[k - 1] += 1 - missing;
        }
    }

    /// <summary>The largest discounted gain of this number of matches, all at the top of the list: <c>Σ 1 / log₂(i + 1)</c>.</summary>
    public static double LargestGain(int matches)
    {
        var sum = 0.0;
        for (var i = 1; i <= matches; i++) sum += 1 / Math.Log2(i + 1);
        return sum;
    }

    /// <summary>The groups of a list under a tie policy.</summary>
    private static List<Group> Groups(HitRank[] hits, TiePolicy ties)
    {
        var groups = new List<Group>(hits.Length);
        for (var i = 0; i < hits.Length; i += groups[^1].Matches) groups.Add(GroupAt(hits, i, ties));
        return groups;
    }

    /// <summary>The group that begins with match <paramref name="i"/>.</summary>
    private static Group GroupAt(HitRank[] hits, int i, TiePolicy ties)
    {
        var hit = hits[i];
        if (ties != TiePolicy.Expected)
        {
            var before = hit.Nearer + ties switch { TiePolicy.Optimistic => 0, TiePolicy.Pessimistic => hit.Tied, _ => hit.TiedBefore };
            return new Group((long)before + i, i, 1, 1);
        }
        // Matches with the same counts have no other image between them: they are one group even if their distances differ.
        var end = i + 1;
        while (end < hits.Length && hits[end].Nearer == hit.Nearer && hits[end].Tied == hit.Tied) end++;
        return new Group((long)hit.Nearer + i, i, end - i, end - i + hit.Tied);
    }

    /// <summary>The number of a group's matches that are expected among the first k of the list.</summary>
    private static double Within(Group group, int k) =>
        group.Matches * (double)Math.Clamp(k - group.Before, 0, group.Places) / group.Places;

    /// <summary>The places in a group, from 1, at which its first match may stand, each with its probability.</summary>
    private static IEnumerable<(int Place, double Probability)> FirstPlace(Group group)
    {
        var missing = 1.0;
        for (var place = 1; place <= group.Places - group.Matches + 1; place++)
        {
            var hit = (double)group.Matches / (group.Places - place + 1);
            yield return (place, missing * hit);
            missing *= 1 - hit;
        }
    }
}
