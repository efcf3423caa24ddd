using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Sorts rows of float64 scores. Whole rows on the CPU are sorted by a radix sort; libtorch sorts rows on another device, and
/// finds the first few of a row. Scores that lie too close to each other are put in order by exact keys.</summary>
internal sealed class ArgsortRanker(ScoreSource source, Relations relations, TilePlan plan)
{
    private const int Margin = 16;      // extra scores that are taken at first, so that most cuts are certain at once
    private const double SortingStart = 0.5;        // of a block's work; its scores come before

    /// <summary>Hands each query's list to <paramref name="measure"/>, on several threads, and then to <paramref name="take"/>, in the
    /// order of the queries.</summary>
    /// <param name="top">The number of rows to list; null for the whole list with the ranks of the matches.</param>
    /// <param name="distances">Whether the list comes with distances.</param>
    /// <param name="progress">The call.</param>
    /// <param name="measure">Receives the query and its list.</param>
    /// <param name="take">Receives the same.</param>
    public void Run(int? top, bool distances, CallProgress progress, Action<int, QueryHits> measure, Action<int, QueryHits> take)
    {
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var (first, found) = (query, new QueryHits[Math.Min(plan.Queries, relations.Queries - query)]);
            source.Begin(query, found.Length, plan.Rows, ScalarType.Float64);
            var part = progress.Part((double)query / relations.Queries, (double)(query + found.Length) / relations.Queries);
            var scores = Scores(query, found.Length, part.Part(0, SortingStart), out var left);
            var sorted = Sort(query, scores, left, top);
            Threads.For(found.Length, i =>
            {
                var count = Math.Min(sorted.Width, left[i]);
                var list = Settle(first + i, sorted.Take(i, out var rows)[..count], rows[..count]);
                if (top < count) list = new SortedRow(list.Rows[..top.Value], list.TiedToPrevious[..top.Value]);
                if (distances)
                    list = list with { Distances = Array.ConvertAll(list.Rows, row => source.Distance(source.Key(first + i, row))) };
                found[i] = Hits(first + i, list, left[i], whole: top is null);
                measure(first + i, found[i]);
            });
            for (var i = 0; i < found.Length; i++) take(query + i, found[i]);
            part.Report(1);
        }
    }

    /// <summary>The smallest scores of each row, on the CPU.</summary>
    /// <param name="values">Scores [queries, width]. They ascend in each row if <paramref name="indices"/> are given.</param>
    /// <param name="indices">The columns of the scores, int64. Default: null, each row is sorted when it is taken.</param>
    private sealed unsafe class Sorted(Tensor values, Tensor? indices = null)
    {
        private readonly nint values = (nint)TensorMemory.Of(values), indices = indices is null ? 0 : (nint)TensorMemory.Of(indices);

        public int Width { get; } = (int)values.size(1);

        public double At(int row, int place) => ((double*)values)[(long)row * Width + place];

        /// <summary>Takes the scores of a row, ascending, and their columns. It may sort the row in place, so take each row once; several
        /// threads may take rows at once.</summary>
        public ReadOnlySpan<double> Take(int row, out int[] columns)
        {
            var scores = new Span<double>((double*)values + (long)row * Width, Width);
            columns = new int[Width];
            for (var i = 0; i < Width; i++) columns[i] = indices == 0 ? i : (int)((long*)indices)[(long)row * Width + i];
            if (indices == 0) RowOrder.Sort(scores, columns);
            return scores;
        }
    }

    /// <summary>Sorts whole rows, or so much of them that no score left out can belong to the first <paramref name="top"/>.</summary>
    private Sorted Sort(int query, Tensor scores, int[] left, int? top)
    {
        for (var width = top + (long)Margin; width < relations.Gallery; width *= 2)
        {
            var (values, indices) = scores.topk((int)width, dim: 1, largest: false, sorted: true);
            var sorted = new Sorted(values.cpu().contiguous(), indices.cpu().contiguous());
            if (Enumerable.Range(0, left.Length).All(i => left[i] <= width
                || sorted.At(i, sorted.Width - 1) - sorted.At(i, top!.Value - 1) > source.Gap(query + i, ScalarType.Float64)))
                return sorted;
        }
        if (scores.device_type == TorchSharp.DeviceType.CPU) return new Sorted(scores);
        var (all, places) = scores.sort(dim: 1, descending: false, stable: true);
        return new Sorted(all.cpu().contiguous(), places.cpu().contiguous());
    }

    /// <summary>Computes scores [queries, G] in float64, with +∞ for removed images, and the number of images left in each row.</summary>
    private Tensor Scores(int query, int queries, CallProgress progress, out int[] left)
    {
        var gallery = relations.Gallery;
        var scores = empty(queries, gallery, ScalarType.Float64, source.Device);
        var step = source.WholeRows ? Math.Max(1, gallery) : plan.Rows;
        for (var row = 0; row < gallery; row += step)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(step, gallery - row);
            scores.narrow(1, row, rows).copy_(source.Tile(row, rows));
            progress.Report((double)(row + rows) / gallery);
        }
        left = new int[queries];
        var (removed, buffer) = (new List<long>(), new int[gallery]);
        for (var i = 0; i < queries; i++)
        {
            var count = relations.Hidden(query + i, 0, gallery, matchesToo: false, buffer);
            left[i] = gallery - count;
            foreach (var column in buffer.AsSpan(0, count)) removed.Add((long)i * gallery + column);
        }
        if (removed.Count > 0)
        {
            using var scope = NewDisposeScope();
            scores.view(-1).index_fill_(0, tensor(removed.ToArray()).to(scores.device), S(double.PositiveInfinity));
        }
        return scores;
    }

    /// <summary>Puts runs of scores that are too close to each other in the order of their exact keys, ties by index.</summary>
    private SortedRow Settle(int query, ReadOnlySpan<double> scores, int[] rows)
    {
        var tied = new bool[rows.Length];
        var gap = source.Gap(query, ScalarType.Float64);
        for (var i = 0; i < rows.Length;)
        {
            var end = i + 1;
            while (end < rows.Length && scores[end] - scores[end - 1] <= gap) end++;
            if (end - i > 1)
            {
                Array.Sort(rows, i, end - i);
                var unordered = rows[i..end].Select(row => (Row: row, Key: source.Key(query, row)));
                var ordered = unordered.OrderBy(e => e.Key).ToArray();      // stable
                for (var j = i; j < end; j++)
                {
                    rows[j] = ordered[j - i].Row;
                    tied[j] = j > i && ordered[j - i].Key == ordered[j - i - 1].Key;
                }
            }
            i = end;
        }
        return new SortedRow(rows, tied);
    }

    /// <summary>The ranks of the matches in a whole list.</summary>
    private QueryHits Hits(int query, SortedRow list, int left, bool whole)
    {
        var matches = whole && !relations.IsJunk(query) ? list.Rows.Count(row => relations.IsMatch(query, row)) : 0;
        if (matches == 0)
        {
            relations.Matches(query, out var skipped);
            return new QueryHits(skipped, [], left) { List = list };
        }
        var hits = new HitRank[matches];
        var (found, others) = (0, 0);
        for (var i = 0; i < list.Rows.Length;)
        {
            var (end, tied, first) = (i, 0, found);
            for (; end < list.Rows.Length && (end == i || list.TiedToPrevious[end]); end++)
                if (relations.IsMatch(query, list.Rows[end])) hits[found++] = new HitRank(others, tied, 0);
                else tied++;
            for (var hit = first; hit < found; hit++) hits[hit] = hits[hit] with { Tied = tied };
            others += tied;
            i = end;
        }
        return new QueryHits(SkipReason.None, hits, left) { List = list };
    }
}
