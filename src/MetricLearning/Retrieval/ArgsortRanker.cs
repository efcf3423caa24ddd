using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Whole rows of float64 scores, sorted on the device of the features; what lies too close to tell is put in order by exact keys.</summary>
internal sealed class ArgsortRanker(ScoreSource source, Relations relations, TilePlan plan)
{
    /// <summary>Gives each query's list (the first <paramref name="top"/> of it, where given) and the matches of a whole list to
    /// <paramref name="take"/>, in the order of the queries.</summary>
    public unsafe void Run(int? top, bool distances, Action<int, QueryHits> take)
    {
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var (first, found) = (query, new QueryHits[Math.Min(plan.Queries, relations.Queries - query)]);
            source.Begin(query, found.Length, ScalarType.Float64);
            var scores = Scores(query, found.Length, out var left);
            for (var wanted = top; ;)
            {
                using var sortScope = NewDisposeScope();
                var taken = wanted is { } k && k < relations.Gallery ? k : relations.Gallery;
                var (values, indices) = taken < relations.Gallery
                    ? scores.topk(taken, dim: 1, largest: false, sorted: true) : scores.sort(dim: 1, descending: false, stable: true);
                (values, indices) = (values.cpu().contiguous(), indices.cpu().contiguous());
                var (valueMemory, indexMemory) = ((nint)NativeMemory.Of(values), (nint)NativeMemory.Of(indices));
                if (top is { } asked && taken < relations.Gallery && Enumerable.Range(0, found.Length).Any(i => CutsTie(i, asked)))
                {
                    wanted = taken * 2;     // a score beyond the cut may belong before it
                    continue;
                }
                Threads.For(found.Length, i =>
                {
                    var count = Math.Min(taken, left[i]);
                    var list = Settle(first + i, Values(i)[..count], new ReadOnlySpan<long>((long*)indexMemory + (long)i * taken, count));
                    if (top is { } limit && limit < count)
                        list = new SortedRow(list.Rows[..limit], list.TiedToPrevious[..limit]);
                    if (distances) list = list with { Distances = Array.ConvertAll(list.Rows, row => source.Distance(source.Key(first + i, row))) };
                    found[i] = Hits(first + i, list, left[i], whole: top is null);
                });
                break;

                ReadOnlySpan<double> Values(int i) => new((double*)valueMemory + (long)i * taken, taken);

                bool CutsTie(int i, int cut) => taken < left[i] && Values(i)[taken - 1] - Values(i)[Math.Max(cut, 1) - 1] <= source.Gap(first + i, ScalarType.Float64);
            }
            for (var i = 0; i < found.Length; i++) take(query + i, found[i]);
        }
    }

    /// <summary>[queries, G] in float64, +∞ where a picture is removed, and how many are left in each row.</summary>
    private Tensor Scores(int query, int queries, out int[] left)
    {
        var gallery = relations.Gallery;
        var scores = empty(queries, gallery, ScalarType.Float64, source.Device);
        var step = source.WholeRows ? Math.Max(1, gallery) : plan.Rows;
        for (var row = 0; row < gallery; row += step)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(step, gallery - row);
            scores.narrow(1, row, rows).copy_(source.Tile(row, rows));
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
            scores.view(-1).index_fill_(0, tensor(removed.ToArray()).to(scores.device), double.PositiveInfinity);
        }
        return scores;
    }

    private SortedRow Settle(int query, ReadOnlySpan<double> scores, ReadOnlySpan<long> indices)
    {
        var (rows, tied) = (new int[scores.Length], new bool[scores.Length]);
        for (var i = 0; i < rows.Length; i++) rows[i] = (int)indices[i];
        var gap = source.Gap(query, ScalarType.Float64);
        for (var i = 0; i < rows.Length;)
        {
            var end = i + 1;
            while (end < rows.Length && scores[end] - scores[end - 1] <= gap) end++;
            if (end - i > 1)
            {
                Array.Sort(rows, i, end - i);
                (int Row, double Key)[] ordered = [.. rows[i..end].Select(row => (Row: row, Key: source.Key(query, row))).OrderBy(e => e.Key)];     // stable
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

    private QueryHits Hits(int query, SortedRow list, int left, bool whole)
    {
        var matches = relations.Matches(query, out var skipped);
        if (!whole || skipped != SkipReason.None) return new QueryHits(skipped, [], left) { List = list };
        var hits = new HitRank[matches.Length];
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
        return new QueryHits(skipped, hits, left) { List = list };
    }
}
