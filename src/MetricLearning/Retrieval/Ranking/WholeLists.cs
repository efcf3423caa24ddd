using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Makes the whole list of each query: the exact keys of all images that the protocol leaves, sorted. A list with distances needs
/// all exact keys, so scores with an error bound would save nothing.</summary>
internal sealed class WholeLists(ScoreSource source, Relations relations, TilePlan plan)
{
    private const int QueriesTogether = 4, RowsTogether = 64;       // these gallery rows stay in the cache for the next query

    /// <summary>Hands each query's rows, nearest first and ties by index, and their distances to <paramref name="take"/>, on several
    /// threads.</summary>
    public void Run(CallProgress progress, Action<int, int[], double[]> take)
    {
        for (var query = 0; query < relations.Queries; query += plan.Queries)
        {
            using var scope = NewDisposeScope();
            var (first, count) = (query, Math.Min(plan.Queries, relations.Queries - query));
            source.Begin(first, count, rows: Math.Min(1, relations.Gallery), ScalarType.Float64);
            Threads.For((count + QueriesTogether - 1) / QueriesTogether, part =>
            {
                var start = part * QueriesTogether;
                List(first + start, Math.Min(QueriesTogether, count - start), take);
            });
            progress.Report((double)(first + count) / relations.Queries);
        }
    }

    private void List(int query, int count, Action<int, int[], double[]> take)
    {
        var (rows, keys, done) = (new int[count][], new double[count][], new int[count]);
        for (var i = 0; i < count; i++)
        {
            rows[i] = Left(query + i);
            keys[i] = new double[rows[i].Length];
        }
        for (var end = RowsTogether; end < relations.Gallery + RowsTogether; end += RowsTogether)
            for (var i = 0; i < count; i++)
                for (ref var place = ref done[i]; place < rows[i].Length && rows[i][place] < end; place++)
                    keys[i][place] = source.Key(query + i, rows[i][place]);
        for (var i = 0; i < count; i++)
        {
            RowOrder.Sort(keys[i], rows[i]);
            for (var place = 0; place < keys[i].Length; place++) keys[i][place] = source.Distance(keys[i][place]);
            take(query + i, rows[i], keys[i]);
        }
    }

    /// <summary>The gallery rows that the protocol leaves in a query's list, ascending.</summary>
    private int[] Left(int query)
    {
        var (gallery, hidden) = (relations.Gallery, Scratch.Places(relations.Gallery));
        var count = relations.Hidden(query, 0, gallery, matchesToo: false, hidden);
        Array.Sort(hidden, 0, count);
        var left = new int[gallery - count];
        for (int row = 0, place = 0, next = 0; row < gallery; row++)
            if (next < count && hidden[next] == row) next++;
            else left[place++] = row;
        return left;
    }
}
