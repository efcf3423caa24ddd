using System.Globalization;
using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Counts non-matching pairs between the distances of matching ones, a tile of scores at a time.</summary>
/// <remarks>
/// Edges are exact keys: the keys of all matching pairs, and those keys of a sample of non-matching pairs that lie near the order
/// statistics that are needed. So only a few keys lie in the gaps around these. A score gives the key of its pair up to a proven error. If
/// an edge lies within the error, the key is computed exactly. An order statistic is an edge, or lies in a gap whose keys a second pass
/// gathers. If a gap has too many keys, because the sample missed it, it is divided and counted again. The second pass needs only the pairs
/// of a few narrow gaps, so its scores may be cheap and coarse: each pair whose score leaves open whether its key lies in a gap is decided
/// by its exact key.
/// </remarks>
/// <param name="input">The input of the evaluation.</param>
/// <param name="plan">The tiles.</param>
/// <param name="mostGathered">The largest number of keys that are gathered at once.</param>
/// <param name="mostMatching">The largest number of matching pairs.</param>
/// <param name="sharedEdges">The number of edges from which all threads count in one tally, so that memory does not grow with the threads.
/// They seldom wait for each other, because they seldom count at the same edge at once.</param>
internal sealed unsafe class StreamedPairs(EvaluationInput input, TilePlan plan, int mostGathered, int mostMatching, int sharedEdges)
{
    private const int Sampled = 1 << 18, LeastPairsPerSample = 8, Cuts = 1 << 10;

    /// <summary>How many standard deviations an order statistic of all pairs may lie away from that of the sample.</summary>
    private const double Deviations = 8;

    private const double ScanStart = 0.1, OrderedStart = 0.55;      // of the work

    private readonly ScoreSource source = input.Scores;
    private readonly Relations relations = input.Relations;
    private readonly string distance = input.Distance;

    /// <summary>The number of keys that lie at each edge, and in each gap: before the first edge, between two edges, after the
    /// last.</summary>
    /// <param name="edges">The number of edges.</param>
    /// <param name="shared">Whether several threads count at once.</param>
    private sealed class Tally(int edges, bool shared)
    {
        public long[] At { get; } = new long[edges];
        public long[] Before { get; } = new long[edges + 1];
        public double Smallest { get; private set; } = double.PositiveInfinity;
        public double Largest { get; private set; } = double.NegativeInfinity;

        public void CountAt(int edge) => Increment(ref At[edge]);

        public void CountBefore(int edge) => Increment(ref Before[edge]);

        /// <summary>Extends the range of the keys.</summary>
        public void Include(double smallest, double largest)
        {
            lock (At) (Smallest, Largest) = (Math.Min(Smallest, smallest), Math.Max(Largest, largest));
        }

        private void Increment(ref long count)
        {
            if (shared) Interlocked.Increment(ref count);
            else count++;
        }
    }

    /// <summary>Takes a row of scores.</summary>
    /// <param name="scores">The scores of a query; those of pairs that do not count are NaN.</param>
    /// <param name="query">The query.</param>
    /// <param name="start">The gallery row of the first score.</param>
    /// <param name="worker">The number of the thread.</param>
    private delegate void RowAction<T>(ReadOnlySpan<T> scores, int query, int start, int worker);

    /// <summary>Counts all pairs.</summary>
    /// <param name="targets">The false-match rates whose order statistics are needed.</param>
    /// <param name="confidence">The confidence of their intervals.</param>
    /// <param name="progress">The call.</param>
    /// <exception cref="InvalidOperationException">There are too many matching pairs.</exception>
    public PairCounts Count(IReadOnlyList<double> targets, double confidence, CallProgress progress)
    {
        RefuseTooMany();
        var (values, equal, sample) = Known(progress.Part(0, ScanStart));
        var edges = new EdgeIndex(Union(values, targets.SelectMany(target => Near(sample, target))));
        var tally = Scan(edges, progress.Part(ScanStart, OrderedStart));
        var below = Cumulate(tally);
        var others = below[^1];
        var places = Places(edges, values);
        return new PairCounts
        {
            Distance = distance,
            Values = Array.ConvertAll(values, source.Distance),
            Equal = equal,
            OthersBelow = Array.ConvertAll(places, p => below[p]),
            OthersEqual = Array.ConvertAll(places, p => tally.At[p]),
            Others = others,
            Ordered = Ordered(edges, tally, key => Below(values, equal, key),
                [.. targets.SelectMany(t => TargetRanks.Of(t, others, confidence).Needed(others)).Distinct().Order()],
                progress.Part(OrderedStart, 1)),
        };
    }

    /// <summary>The places of ascending values, each of which is an edge.</summary>
    private static int[] Places(EdgeIndex edges, double[] values)
    {
        var (places, place) = (new int[values.Length], 0);
        for (var i = 0; i < values.Length; i++)
        {
            while (edges[place] < values[i]) place++;
            places[i] = place;
        }
        return places;
    }

    private void RefuseTooMany()
    {
        if (relations.MeanMatches * relations.Queries <= mostMatching) return;      // a protocol only removes pairs
        var pairs = 0L;
        for (var query = 0; query < relations.Queries; query++) pairs += relations.Matches(query, out _).Length;
        if (pairs > mostMatching) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"{pairs:N0} matching pairs are too many: the distances of at most {mostMatching:N0} can be kept. Evaluate fewer queries."));
    }

    /// <summary>The distinct exact keys of all matching pairs, ascending, how often each occurs, and the keys of a random sample of the
    /// others, ascending.</summary>
    private (double[] Values, long[] Equal, double[] Sample) Known(CallProgress progress)
    {
        var (found, drawn) = (new double[relations.Queries][], new List<double>[relations.Queries]);
        var perQuery = Math.Min(relations.Gallery / LeastPairsPerSample, Sampled / Math.Max(1, relations.Queries) + 1);
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var (first, block) = (query, Math.Min(plan.Queries, relations.Queries - query));
            source.Begin(first, block, plan.Rows, ScalarType.Float64);
            Threads.For(block, i =>
            {
                var own = first + i;
                found[own] = Array.ConvertAll(relations.Matches(own, out _), row => source.Key(own, row));
                drawn[own] = [];
                var random = SeededRandom.ForStream(0, (ulong)own);
                for (var s = 0; s < perQuery; s++)
                    if (random.NextInt(relations.Gallery) is var row && relations.IsOther(own, row))
                        drawn[own].Add(source.Key(own, row));
            });
            progress.Report((double)(query + block) / relations.Queries);
        }
        var (values, equal) = GivenPairs.Runs(Sorted(found));
        return (values, equal, Sorted(drawn));
    }

    private static double[] Sorted(IReadOnlyList<double>[] lists)
    {
        var (sorted, end) = (new double[lists.Sum(list => list.Count)], 0);
        foreach (var list in lists)
            foreach (var key in list) sorted[end++] = key;
        Array.Sort(sorted);
        return sorted;
    }

    /// <summary>The keys of two sets, ascending.</summary>
    /// <param name="ascending">Distinct keys.</param>
    /// <param name="few">A few more keys in any order.</param>
    private static double[] Union(double[] ascending, IEnumerable<double> few)
    {
        double[] added = [.. few.Distinct().Where(key => Array.BinarySearch(ascending, key) < 0).Order()];
        var (union, place) = (new double[ascending.Length + added.Length], 0);
        for (var i = 0; i < union.Length; i++)
            union[i] = place < added.Length && (i - place == ascending.Length || added[place] < ascending[i - place])
                ? added[place++] : ascending[i - place];
        return union;
    }

    /// <summary>The number of matching pairs whose keys are below a key.</summary>
    private static long Below(double[] values, long[] equal, double key)
    {
        var below = 0L;
        for (var i = 0; i < values.Length && values[i] < key; i++) below += equal[i];
        return below;
    }

    /// <summary>The keys of the sample around a quantile.</summary>
    /// <param name="sample">The keys, ascending.</param>
    /// <param name="target">The share of keys below the quantile.</param>
    private static ArraySegment<double> Near(double[] sample, double target)
    {
        var (middle, around) = (target * sample.Length, Deviations * (1 + Math.Sqrt(target * (1 - target) * sample.Length)));
        var start = (int)Math.Max(0, middle - around);
        return new(sample, start, (int)Math.Min(sample.Length, middle + around) - start);
    }

    /// <summary>Counts all non-matching pairs between edges.</summary>
    private Tally Scan(EdgeIndex edges, CallProgress progress)
    {
        var shared = edges.Count >= sharedEdges;
        var tallies = new Tally[shared ? 1 : Workers];
        for (var w = 0; w < tallies.Length; w++) tallies[w] = new Tally(edges.Count, shared);
        EachRow<double>(ScalarType.Float64, progress, (scores, query, start, w) =>
            ScanRow(scores, query, start, edges, tallies[shared ? 0 : w]));
        return Sum(tallies);
    }

    /// <summary>The keys of all non-matching pairs in some gaps.</summary>
    /// <param name="edges">The edges.</param>
    /// <param name="gaps">The gaps, ascending.</param>
    /// <param name="progress">The call.</param>
    private List<double>[] Gather(EdgeIndex edges, int[] gaps, CallProgress progress)
    {
        var found = new List<double>[Workers][];
        for (var w = 0; w < found.Length; w++) found[w] = Array.ConvertAll(gaps, _ => new List<double>());
        var slots = new Dictionary<int, int>();
        for (var i = 0; i < gaps.Length; i++) slots.Add(gaps[i], i);
        if (source.CountingType == ScalarType.Float32)
            EachRow<float>(ScalarType.Float32, progress, (scores, query, start, w) =>
                GatherRow(scores, query, start, edges, slots, RankCounting.Outward, found[w]));
        else
            EachRow<double>(ScalarType.Float64, progress, (scores, query, start, w) =>
                GatherRow(scores, query, start, edges, slots, (low, high) => (low, high), found[w]));
        foreach (var keys in found.AsSpan(1))
            for (var i = 0; i < gaps.Length; i++) found[0][i].AddRange(keys[i]);
        return found[0];
    }

    private static int Workers => Math.Max(1, get_num_threads());

    /// <summary>Hands the scores of all non-matching pairs, row by row of each tile, to several threads.</summary>
    private void EachRow<T>(ScalarType type, CallProgress progress, RowAction<T> take) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var workers = Workers;
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var block = Math.Min(plan.Queries, relations.Queries - query);
            source.Begin(query, block, Math.Min(plan.Rows, relations.Gallery), type);
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
                        var scores = new Span<T>((T*)memory + (long)i * rows + first, rows - first);
                        var hidden = Scratch.Places(scores.Length);
                        var count = relations.Hidden(query + i, row + first, scores.Length, matchesToo: true, hidden);
                        foreach (var column in hidden.AsSpan(0, count)) scores[column] = T.NaN;
                        take(scores, query + i, row + first, w);
                    }
                });
                part.Report((double)(row + rows) / relations.Gallery);
            }
        }
    }

    /// <summary>Adds up what all threads counted, in the first tally.</summary>
    private static Tally Sum(Tally[] tallies)
    {
        var sum = tallies[0];
        foreach (var tally in tallies.AsSpan(1))
        {
            for (var i = 0; i < sum.At.Length; i++) sum.At[i] += tally.At[i];
            for (var i = 0; i < sum.Before.Length; i++) sum.Before[i] += tally.Before[i];
            sum.Include(tally.Smallest, tally.Largest);
        }
        return sum;
    }

    /// <summary>Counts one row of scores between the edges.</summary>
    private void ScanRow(ReadOnlySpan<double> scores, int query, int start, EdgeIndex edges, Tally tally)
    {
        var keyOf = source.KeyOf(query, ScalarType.Float64);
        var lowest = Scratch.Doubles(scores.Length);
        var places = Scratch.Places(scores.Length);
        keyOf.Lowest(scores, lowest);
        edges.LowerBounds(lowest, places);
        var (smallest, largest) = (double.PositiveInfinity, double.NegativeInfinity);
        for (var column = 0; column < scores.Length; column++)
        {
            var low = lowest[column];
            if (double.IsNaN(low)) continue;
            var highest = low + 2 * keyOf.Error;
            (smallest, largest) = (Math.Min(smallest, low), Math.Max(largest, highest));
            var place = places[column];
            if (place < edges.Count && edges[place] <= highest)
            {
                var exact = source.Key(query, start + column);
                place = edges.LowerBound(exact);
                if (place < edges.Count && edges[place] == exact)
                {
                    tally.CountAt(place);
                    continue;
                }
            }
            tally.CountBefore(place);
        }
        tally.Include(smallest, largest);
    }

    /// <summary>Gathers the keys of one row that lie in some gaps.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="query">The query.</param>
    /// <param name="start">The gallery row of the first score.</param>
    /// <param name="edges">The edges.</param>
    /// <param name="slots">The gaps, ascending, and the place of each in <paramref name="found"/>.</param>
    /// <param name="outward">Rounds an interval to the type of the scores so that it does not shrink.</param>
    /// <param name="found">Receives the keys.</param>
    private void GatherRow<T>(ReadOnlySpan<T> scores, int query, int start, EdgeIndex edges, Dictionary<int, int> slots,
        Func<double, double, (T Low, T High)> outward, List<double>[] found) where T : unmanaged, IFloatingPointIeee754<T>
    {
        var (low, high) = (new T[slots.Count], new T[slots.Count]);
        foreach (var (gap, slot) in slots)
            (low[slot], high[slot]) = outward(
                gap == 0 ? double.NegativeInfinity : source.Interval(query, edges[gap - 1], source.CountingType).Low,
                gap == edges.Count ? double.PositiveInfinity : source.Interval(query, edges[gap], source.CountingType).High);
        var open = Scratch.Places(scores.Length);
        var count = RankCounting.Search<T>(scores, RankCounting.Filled(low), high, new int[low.Length + 1], open);
        foreach (var column in open.AsSpan(0, count))
        {
            var key = source.Key(query, start + column);
            var place = edges.LowerBound(key);
            var isEdge = place < edges.Count && edges[place] == key;
            if (!isEdge && slots.TryGetValue(place, out var slot)) found[slot].Add(key);
        }
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
    /// <param name="edges">The edges.</param>
    /// <param name="tally">The keys at and between them.</param>
    /// <param name="matchingBelow">The number of matching pairs whose keys are below a key.</param>
    /// <param name="ranks">The requested ranks, from 0.</param>
    /// <param name="progress">The call.</param>
    private Dictionary<long, OrderStatistic> Ordered(EdgeIndex edges, Tally tally, Func<double, long> matchingBelow, long[] ranks,
        CallProgress progress)
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
                if (place < edges.Count && below[place] <= rank) ordered[rank] = Statistic(edges[place], below[place], matchingBelow);
                else gaps.Add(place);
            }
            if (gaps.Count == 0) return ordered;
            if (gaps.Sum(gap => tally.Before[gap]) <= mostGathered)
            {
                int[] places = [.. gaps];
                var gathered = Gather(edges, places, progress.Part(done, 1));
                for (var i = 0; i < places.Length; i++) AddGathered(ordered, gathered[i], below[places[i]], matchingBelow, ranks);
                return ordered;
            }
            edges = Cut(edges, tally, gaps);
            var rest = done + (1 - done) / 2;       // the number of further passes is not known
            tally = Scan(edges, progress.Part(done, rest));
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
    /// <param name="matchingBelow">The number of matching pairs whose keys are below a key.</param>
    /// <param name="ranks">The requested ranks.</param>
    private void AddGathered(Dictionary<long, OrderStatistic> ordered, List<double> keys, long belowEnd, Func<double, long> matchingBelow,
        long[] ranks)
    {
        keys.Sort();
        var first = belowEnd - keys.Count;
        foreach (var rank in ranks)
            if (rank >= first && rank < first + keys.Count)
            {
                var key = keys[(int)(rank - first)];
                ordered[rank] = Statistic(key, first + keys.IndexOf(key), matchingBelow);
            }
    }

    private OrderStatistic Statistic(double key, long othersBelow, Func<double, long> matchingBelow) =>
        new(source.Distance(key), othersBelow, matchingBelow(key));

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
