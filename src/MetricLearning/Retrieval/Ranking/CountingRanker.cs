using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the ranks of matches by counting the images before them, a tile of scores at a time: nothing is sorted, and no whole row
/// of scores is kept.</summary>
internal sealed class CountingRanker(ScoreSource source, Relations relations, TilePlan plan)
{
    /// <summary>The number of matches above which the place of a score among them is found by binary search.</summary>
    private const int Many = 64;

    private readonly ScalarType type = source.CountingTypeFor(relations.MeanMatches);

    /// <summary>The matches of one query in order, and how many images were counted before each so far.</summary>
    private sealed class Pending
    {
        private object? bounds;

        public required SkipReason Skipped { get; init; }
        public required int[] Rows { get; init; }
        public required double[] Keys { get; init; }
        public required int[] Nearer { get; init; }
        public required int[] Tied { get; init; }
        public required int[] TiedBefore { get; init; }
        public required double[] Low { get; init; }
        public required double[] High { get; init; }
        public int Others { get; set; }

        /// <summary>If there are many matches, bin p counts the images whose score is at or above the lower ends of p matches.</summary>
        public int[]? Bins { get; private set; }

        /// <summary>The ends of the intervals in the type of the scores. They are computed once and used for all tiles.</summary>
        /// <param name="outward">Rounds an interval to the type of the scores so that it does not shrink.</param>
        public (T[] Low, T[] High) Bounds<T>(Func<double, double, (T Low, T High)> outward) where T : unmanaged, IFloatingPointIeee754<T>
        {
            if (bounds is ValueTuple<T[], T[]> made) return made;
            var (low, high) = (new T[Rows.Length], new T[Rows.Length]);
            for (var p = 0; p < low.Length; p++) (low[p], high[p]) = outward(Low[p], High[p]);
            if (low.Length > Many) (low, Bins) = (RankCounting.Filled(low), new int[low.Length + 1]);
            bounds = (low, high);
            return (low, high);
        }

        /// <summary>Adds the images of the bins to those that are nearer than each match.</summary>
        public void CountBins()
        {
            var below = 0;
            for (var p = 0; Bins is not null && p < Rows.Length; p++) Nearer[p] += below += Bins[p];
        }
    }

    /// <summary>Hands the ranks of each query's matches to <paramref name="measure"/>, on several threads, and then to
    /// <paramref name="take"/>, in the order of the queries.</summary>
    public void Run(CallProgress progress, Action<int, QueryHits> measure, Action<int, QueryHits> take)
    {
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var block = new Pending[Math.Min(plan.Queries, relations.Queries - query)];
            source.Begin(query, block.Length, Math.Min(plan.Rows, relations.Gallery), type);
            var part = progress.Part((double)query / relations.Queries, (double)(query + block.Length) / relations.Queries);
            var first = query;
            Threads.For(block.Length, i => block[i] = Start(first + i));
            for (var row = 0; row < relations.Gallery; row += plan.Rows)
            {
                using var tileScope = NewDisposeScope();
                var rows = Math.Min(plan.Rows, relations.Gallery - row);
                var tile = source.Tile(row, rows);
                if (tile.device_type != TorchSharp.DeviceType.CPU || plan.Tensors) CountTensors(tile, block, query, row);
                else if (tile.dtype == ScalarType.Float32) Count<float>(tile, block, query, row, RankCounting.Outward);
                else Count<double>(tile, block, query, row, (low, high) => (low, high));
                part.Report((double)(row + rows) / relations.Gallery);
            }
            var found = new QueryHits[block.Length];
            Threads.For(block.Length, i => measure(first + i, found[i] = Hits(block[i])));
            for (var i = 0; i < block.Length; i++) take(query + i, found[i]);
        }
    }

    private static QueryHits Hits(Pending pending)
    {
        pending.CountBins();
        var hits = new HitRank[pending.Rows.Length];
        for (var p = 0; p < hits.Length; p++) hits[p] = new HitRank(pending.Nearer[p], pending.TiedBefore[p], pending.Tied[p]);
        return new QueryHits(pending.Skipped, hits, pending.Others + hits.Length);
    }

    /// <summary>Exact keys of a query's matches in order, and the interval of scores that each stands for.</summary>
    private Pending Start(int query)
    {
        var rows = relations.Matches(query, out var skipped);
        var keys = Array.ConvertAll(rows, row => source.Key(query, row));
        RowOrder.Sort(keys, rows);
        var intervals = Array.ConvertAll(keys, key => source.Interval(query, key, type));
        return new Pending
        {
            Skipped = skipped,
            Rows = rows,
            Keys = keys,
            Nearer = new int[rows.Length],
            Tied = new int[rows.Length],
            TiedBefore = new int[rows.Length],
            Low = Array.ConvertAll(intervals, i => i.Low),
            High = Array.ConvertAll(intervals, i => i.High),
        };
    }

    /// <summary>Counts one tile on the CPU.</summary>
    /// <param name="tile">Scores [block, rows].</param>
    /// <param name="block">The queries.</param>
    /// <param name="query">The first of them.</param>
    /// <param name="row">The first row of the tile.</param>
    /// <param name="outward">Rounds an interval to the type of the scores so that it does not shrink.</param>
    private unsafe void Count<T>(Tensor tile, Pending[] block, int query, int row, Func<double, double, (T Low, T High)> outward)
        where T : unmanaged, INumber<T>, IFloatingPointIeee754<T>
    {
        var rows = (int)tile.size(1);
        var memory = (nint)TensorMemory.Of(tile);
        Threads.For(block.Length, i =>
        {
            var pending = block[i];
            var scores = new Span<T>((T*)memory + (long)i * rows, rows);
            var places = Scratch.Places(rows);
            var count = relations.Hidden(query + i, row, rows, matchesToo: true, places);
            pending.Others += rows - count;
            if (pending.Rows.Length == 0) return;
            foreach (var column in places.AsSpan(0, count)) scores[column] = T.PositiveInfinity;
            var (low, high) = pending.Bounds(outward);
            count = pending.Bins is { } bins
                ? RankCounting.Search<T>(scores, low, high, bins, places)
                : RankCounting.Count<T>(scores, low, high, pending.Nearer, places);
            foreach (var column in places.AsSpan(0, count)) Settle<T>(pending, query + i, row + column, scores[column], low, high);
        });
    }

    /// <summary>Compares an image by its exact key with the matches whose interval holds its score.</summary>
    private void Settle<T>(Pending pending, int query, int row, T score, ReadOnlySpan<T> low, ReadOnlySpan<T> high) where T : INumber<T>
    {
        var key = source.Key(query, row);
        var (p, end) = (0, high.Length);
        while (p < end)     // the first interval that does not end below the score
        {
            var middle = (p + end) / 2;
            if (high[middle] < score) p = middle + 1;
            else end = middle;
        }
        for (; p < high.Length && low[p] <= score; p++)
        {
            if (key < pending.Keys[p]) pending.Nearer[p]++;
            if (key != pending.Keys[p]) continue;
            pending.Tied[p]++;
            if (row < pending.Rows[p]) pending.TiedBefore[p]++;
        }
    }

    /// <summary>Counts one tile by tensor operations, on any device.</summary>
    private void CountTensors(Tensor tile, Pending[] block, int query, int row)
    {
        var (rows, thresholds) = ((int)tile.size(1), Math.Max(1, block.Max(b => b.Rows.Length)));
        var (low, high) = (new double[block.Length * thresholds], new double[block.Length * thresholds]);
        Array.Fill(low, double.NegativeInfinity);
        Array.Fill(high, double.NegativeInfinity);
        var hidden = new List<long>();
        var buffer = new int[rows];
        for (var i = 0; i < block.Length; i++)
        {
            var count = relations.Hidden(query + i, row, rows, matchesToo: true, buffer);
            block[i].Others += rows - count;
            foreach (var column in buffer.AsSpan(0, count)) hidden.Add((long)i * rows + column);
            var front = (i + 1) * thresholds - block[i].Rows.Length;
            for (var p = 0; p < block[i].Rows.Length; p++)
            {
                (low[front + p], high[front + p]) = (block[i].Low[p], block[i].High[p]);
                if (tile.dtype == ScalarType.Float32)
                    (low[front + p], high[front + p]) = RankCounting.Outward(low[front + p], high[front + p]);
            }
        }
        if (hidden.Count > 0) tile.view(-1).index_fill_(0, tensor(hidden).to(tile.device), S(double.PositiveInfinity));
        var (below, open) = RankCounting.Count(tile, OnDevice(low), OnDevice(high));
        var counted = TensorMemory.Copy<long>(below);
        var places = TensorMemory.Copy<long>(open);
        var scores = TensorMemory.Copy<double>(tile.index(open.select(1, 0), open.select(1, 1)).to(ScalarType.Float64));
        for (var i = 0; i < block.Length; i++)
        {
            var front = (i + 1) * thresholds - block[i].Rows.Length;
            for (var p = 0; p < block[i].Rows.Length; p++) block[i].Nearer[p] += (int)counted[front + p];
        }
        for (var o = 0; o < scores.Length; o++)
        {
            var i = (int)places[2 * o];
            var (front, length) = ((i + 1) * thresholds - block[i].Rows.Length, block[i].Rows.Length);
            Settle(block[i], query + i, row + (int)places[2 * o + 1], scores[o], low.AsSpan(front, length), high.AsSpan(front, length));
        }

        Tensor OnDevice(double[] values) => tensor(values).view(block.Length, thresholds).to(tile.dtype).to(tile.device);
    }
}
