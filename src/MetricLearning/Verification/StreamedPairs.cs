using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Counts non-matching pairs between the distances of matching ones, a tile of float64 scores at a time.</summary>
/// <remarks>
/// Edges are exact keys: the keys of all matching pairs and of a sample of all pairs. So only a few keys lie in a gap between two edges. A
/// score gives the key of its pair up to a proven error. If an edge lies within the error, the key is computed exactly. An order statistic
/// is an edge, or lies in a gap whose keys a second pass gathers. If a gap has too many keys, because the sample missed it, it is divided
/// and counted again.
/// </remarks>
/// <param name="input">The input of the evaluation.</param>
/// <param name="plan">The tiles.</param>
/// <param name="mostGathered">The most keys that are gathered at once.</param>
internal sealed unsafe class StreamedPairs(EvaluationInput input, TilePlan plan, int mostGathered)
{
    private const int Sampled = 1 << 15, Cuts = 1 << 10;
    private const double ScanStart = 0.1, OrderedStart = 0.55;      // of the work

    private readonly ScoreSource source = input.Scores;
    private readonly Relations relations = input.Relations;
    private readonly string distance = input.Distance;

    /// <summary>The number of keys that lie at each edge, and in each gap: before the first edge, between two edges, after the
    /// last.</summary>
    private sealed class Tally(int edges)
    {
        public long[] At { get; } = new long[edges];
        public long[] Before { get; } = new long[edges + 1];
        public double Smallest { get; set; } = double.PositiveInfinity;
        public double Largest { get; set; } = double.NegativeInfinity;
        public List<double>[]? Gathered { get; init; }
    }

    /// <summary>Counts all pairs.</summary>
    /// <param name="targets">The false-match rates whose order statistics are needed.</param>
    /// <param name="confidence">The confidence of their intervals.</param>
    /// <param name="progress">The call.</param>
    public PairCounts Count(IReadOnlyList<double> targets, double confidence, CallProgress progress)
    {
        var (matching, sample) = Known(progress.Part(0, ScanStart));
        Array.Sort(matching);
        var edges = new EdgeIndex([.. matching.Concat(sample).Distinct().Order()]);
        var tally = Scan(edges, gather: null, progress.Part(ScanStart, OrderedStart));
        var below = Cumulate(tally);
        var others = below[^1];
        var values = matching.Distinct().ToArray();
        var places = Array.ConvertAll(values, edges.LowerBound);
        return new PairCounts
        {
            Distance = distance,
            Values = Array.ConvertAll(values, source.Distance),
            Equal = Array.ConvertAll(values,
                v => (long)GivenPairs.CountBelow(matching, v, orEqual: true) - GivenPairs.CountBelow(matching, v, orEqual: false)),
            OthersBelow = Array.ConvertAll(places, p => below[p]),
            OthersEqual = Array.ConvertAll(places, p => tally.At[p]),
            Others = others,
            Ordered = Ordered(edges, tally, matching,
                [.. targets.SelectMany(t => TargetRanks.Of(t, others, confidence).Needed(others)).Distinct().Order()],
                progress.Part(OrderedStart, 1)),
        };
    }

    /// <summary>Exact keys of all matching pairs, and of a random sample of all pairs.</summary>
    private (double[] Matching, double[] Sample) Known(CallProgress progress)
    {
        var matching = new List<double>();
        var perQuery = Math.Min(relations.Gallery, Sampled / Math.Max(1, relations.Queries) + 1);
        var sample = new double[(long)perQuery * relations.Queries];
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var found = new double[Math.Min(plan.Queries, relations.Queries - query)][];
            source.Begin(query, found.Length, plan.Rows, ScalarType.Float64);
            Threads.For(found.Length, i =>
            {
                found[i] = Array.ConvertAll(relations.Matches(query + i, out _), row => source.Key(query + i, row));
                var random = SeededRandom.ForStream(0, (ulong)(query + i));
                for (var s = 0; s < perQuery; s++)
                    sample[(long)(query + i) * perQuery + s] = source.Key(query + i, random.NextInt(relations.Gallery));
            });
            foreach (var keys in found) matching.AddRange(keys);
            progress.Report((double)(query + found.Length) / relations.Queries);
        }
        return ([.. matching], sample);
    }

    /// <summary>One pass over all non-matching pairs.</summary>
    /// <param name="edges">The edges that keys are counted between.</param>
    /// <param name="gather">The gaps whose keys are gathered, ascending; null for none.</param>
    /// <param name="progress">The call.</param>
    private Tally Scan(EdgeIndex edges, int[]? gather, CallProgress progress)
    {
        var workers = Math.Max(1, get_num_threads());
        var slots = gather is null ? null : new int[edges.Count + 1];
        for (var i = 0; i < gather?.Length; i++) slots![gather[i]] = i + 1;
        var tallies = new Tally[workers];
        for (var w = 0; w < workers; w++)
            tallies[w] = new Tally(edges.Count) { Gathered = gather is null ? null : Array.ConvertAll(gather, _ => new List<double>()) };
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var block = Math.Min(plan.Queries, relations.Queries - query);
            source.Begin(query, block, plan.Rows, ScalarType.Float64);
            var part = progress.Part((double)query / relations.Queries, (double)(query + block) / relations.Queries);
            for (var row = relations.FirstRow(query); row < relations.Gallery; row += plan.Rows)
            {
                using var tileScope = NewDisposeScope();
                var rows = Math.Min(plan.Rows, relations.Gallery - row);
                var tile = source.Tile(row, rows).cpu().contiguous();
                var memory = (nint)TensorMemory.Of(tile);
                Threads.For(workers, w =>
                {
                    for (var i = w; i < block; i += workers)
                    {
                        var first = Math.Max(0, relations.FirstRow(query + i) - row);
                        if (first >= rows || relations.IsJunk(query + i)) continue;
                        var scores = new Span<double>((double*)memory + (long)i * rows + first, rows - first);
                        ScanRow(scores, query + i, row + first, edges, tallies[w], slots);
                    }
                });
                part.Report((double)(row + rows) / relations.Gallery);
            }
        }
        return Sum(tallies);
    }

    /// <summary>Adds up what all threads counted, in the first tally.</summary>
    private static Tally Sum(Tally[] tallies)
    {
        var sum = tallies[0];
        foreach (var tally in tallies.AsSpan(1))
        {
            for (var i = 0; i < sum.At.Length; i++) sum.At[i] += tally.At[i];
            for (var i = 0; i < sum.Before.Length; i++) sum.Before[i] += tally.Before[i];
            for (var i = 0; i < sum.Gathered?.Length; i++) sum.Gathered[i].AddRange(tally.Gathered![i]);
            (sum.Smallest, sum.Largest) = (Math.Min(sum.Smallest, tally.Smallest), Math.Max(sum.Largest, tally.Largest));
        }
        return sum;
    }

    /// <summary>Counts one row of scores.</summary>
    /// <param name="scores">The query's scores; hidden ones are overwritten.</param>
    /// <param name="query">The query.</param>
    /// <param name="start">The gallery row of the first score.</param>
    /// <param name="edges">The edges.</param>
    /// <param name="tally">Receives the counts.</param>
    /// <param name="slots">For each gap its position among the gathered gaps plus 1, or 0 if it is not gathered; null if none is
    /// gathered.</param>
    private void ScanRow(Span<double> scores, int query, int start, EdgeIndex edges, Tally tally, int[]? slots)
    {
        var hidden = Scratch.Ints(scores.Length);
        var count = relations.Hidden(query, start, scores.Length, matchesToo: true, hidden);
        foreach (var column in hidden.AsSpan(0, count)) scores[column] = double.NaN;
        var keyOf = source.KeyOf(query, ScalarType.Float64);
        var error = keyOf.Error;
        var (smallest, largest) = (double.PositiveInfinity, double.NegativeInfinity);
        for (var column = 0; column < scores.Length; column++)
        {
            if (double.IsNaN(scores[column])) continue;
            var key = keyOf.Of(scores[column]);
            (smallest, largest) = (Math.Min(smallest, key - error), Math.Max(largest, key + error));
            var place = edges.LowerBound(key - error);
            if (place < edges.Count && edges[place] <= key + error)
            {
                var exact = source.Key(query, start + column);
                place = edges.LowerBound(exact);
                if (place < edges.Count && edges[place] == exact)
                {
                    tally.At[place]++;
                    continue;
                }
            }
            tally.Before[place]++;
            if (slots is not null && slots[place] > 0) tally.Gathered![slots[place] - 1].Add(source.Key(query, start + column));
        }
        (tally.Smallest, tally.Largest) = (Math.Min(tally.Smallest, smallest), Math.Max(tally.Largest, largest));
    }

    /// <summary>The number of keys below each edge; the last entry is the number of all keys.</summary>
    private static long[] Cumulate(Tally tally)
    {
        var below = new long[tally.Before.Length];
        below[0] = tally.Before[0];
        for (var i = 1; i < below.Length; i++) below[i] = below[i - 1] + tally.At[i - 1] + tally.Before[i];
        return below;
    }

    /// <summary>The order statistics of the given ranks, from 0.</summary>
    private Dictionary<long, OrderStatistic> Ordered(EdgeIndex edges, Tally tally, double[] matching, long[] ranks, CallProgress progress)
    {
        var ordered = new Dictionary<long, OrderStatistic>();
        var done = 0.0;
        while (true)
        {
            var below = Cumulate(tally);
            var gaps = new SortedSet<int>();
            foreach (var rank in ranks.Where(rank => !ordered.ContainsKey(rank)))
            {
                var place = Place(edges, tally, below, rank);
                if (place < edges.Count && below[place] <= rank) ordered[rank] = Statistic(edges[place], below[place], matching);
                else gaps.Add(place);
            }
            if (gaps.Count == 0) return ordered;
            if (gaps.Sum(gap => tally.Before[gap]) <= mostGathered)
            {
                int[] places = [.. gaps];
                var gathered = Scan(edges, places, progress.Part(done, 1)).Gathered!;
                for (var i = 0; i < places.Length; i++) AddGathered(ordered, gathered[i], below[places[i]], matching, ranks);
                return ordered;
            }
            edges = Cut(edges, tally, gaps);
            var rest = done + (1 - done) / 2;       // the number of further passes is not known
            tally = Scan(edges, gather: null, progress.Part(done, rest));
            done = rest;
        }
    }

    /// <summary>The first edge with more than <paramref name="rank"/> keys at or below it: the key of that rank is at this edge, or in the
    /// gap before it.</summary>
    private static int Place(EdgeIndex edges, Tally tally, long[] below, long rank)
    {
        var (place, end) = (0, edges.Count);
        while (place < end)
        {
            var middle = (place + end) / 2;
            if (below[middle] + tally.At[middle] <= rank) place = middle + 1;
            else end = middle;
        }
        return place;
    }

    /// <summary>Adds the order statistics that lie in one gap.</summary>
    /// <param name="ordered">Receives them.</param>
    /// <param name="keys">All keys of the gap; they are sorted.</param>
    /// <param name="belowEnd">The number of keys that lie below the edge after the gap.</param>
    /// <param name="matching">Keys of the matching pairs.</param>
    /// <param name="ranks">The requested ranks.</param>
    private void AddGathered(Dictionary<long, OrderStatistic> ordered, List<double> keys, long belowEnd, double[] matching, long[] ranks)
    {
        keys.Sort();
        var first = belowEnd - keys.Count;
        foreach (var rank in ranks)
            if (rank >= first && rank < first + keys.Count)
            {
                var key = keys[(int)(rank - first)];
                ordered[rank] = Statistic(key, first + keys.IndexOf(key), matching);
            }
    }

    private OrderStatistic Statistic(double key, long othersBelow, double[] matching) =>
        new(source.Distance(key), othersBelow, GivenPairs.CountBelow(matching, key, orEqual: false));

    /// <summary>Puts evenly spaced edges into gaps that hold many keys.</summary>
    private static EdgeIndex Cut(EdgeIndex edges, Tally tally, IEnumerable<int> gaps)
    {
        var cut = new List<double>();
        for (var i = 0; i < edges.Count; i++) cut.Add(edges[i]);
        foreach (var gap in gaps)
        {
            var low = gap == 0 ? tally.Smallest : edges[gap - 1];
            var high = gap == edges.Count ? tally.Largest : edges[gap];
            for (var i = 0; i <= Cuts; i++) cut.Add(low + (high - low) * ((double)i / Cuts));
            cut.Add(Math.BitIncrement(low));
            cut.Add(Math.BitDecrement(high));
        }
        return new EdgeIndex([.. cut.Distinct().Order()]);
    }
}
