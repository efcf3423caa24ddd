using System.Globalization;

namespace MetricLearning;

/// <summary>The nearest rows of each query, nearest first and ties by index, and the key of each query's farthest row.</summary>
/// <remarks>A <see cref="NeighborSearch{T}"/> finds candidates, which are then measured exactly: the lists are those of the exact keys. The
/// memory is that of the lists, the candidates and one tile.</remarks>
internal sealed class NeighborLists
{
    private readonly int[] rows;
    private readonly double[] keys;

    /// <exception cref="InvalidOperationException">The lists have more entries than an array can hold.</exception>
    private NeighborLists(int queries, int width)
    {
        var entries = (long)queries * width;
        if (entries > Array.MaxLength) throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"Lists of {width} neighbors of {queries} rows have {entries} entries, and at most {Array.MaxLength} can be kept. "
            + $"Shorten the lists."));
        Width = width;
        (rows, keys, FarthestKeys) = (new int[entries], new double[entries], new double[queries]);
    }

    /// <summary>The number of rows in each list: the requested number, or all rows if there are fewer.</summary>
    public int Width { get; }

    /// <summary>The key of each query's farthest row.</summary>
    public double[] FarthestKeys { get; }

    public ReadOnlySpan<int> Rows(int query) => rows.AsSpan(query * Width, Width);

    public ReadOnlySpan<double> Keys(int query) => keys.AsSpan(query * Width, Width);

    /// <summary>Finds the lists.</summary>
    /// <param name="source">The source of the scores.</param>
    /// <param name="queries">The number of queries that it has.</param>
    /// <param name="count">The number of rows it has.</param>
    /// <param name="width">The number of rows to list.</param>
    /// <param name="tileRows">The number of rows per tile. A block has at most as many queries.</param>
    /// <param name="progress">The call.</param>
    public static NeighborLists Of(ScoreSource source, int queries, int count, int width, int tileRows = 2048,
        CallProgress progress = default)
    {
        var lists = new NeighborLists(queries, Math.Min(width, count));
        if (count == 0 || queries == 0) return lists;
        if (source.CountingType == TorchSharp.torch.ScalarType.Float32)
            new NeighborSearch<float>(source, queries, count, lists.Width, tileRows).Run(Settle, progress);
        else
            new NeighborSearch<double>(source, queries, count, lists.Width, tileRows).Run(Settle, progress);
        return lists;

        void Settle(int query, NeighborCandidates found) => lists.Settle(source, query, found);
    }

    /// <summary>The lists of a few rows among themselves, from all their keys. No tensor is created.</summary>
    /// <param name="keys">[N][N].</param>
    /// <param name="width">The number of rows to list.</param>
    public static NeighborLists Of(double[][] keys, int width)
    {
        var lists = new NeighborLists(keys.Length, Math.Min(width, keys.Length));
        for (var query = 0; query < keys.Length; query++)
        {
            int[] order = [.. Enumerable.Range(0, keys.Length)];
            var own = keys[query];
            Array.Sort(order, (x, y) => own[x] == own[y] ? x.CompareTo(y) : own[x].CompareTo(own[y]));
            for (var i = 0; i < lists.Width; i++)
                (lists.rows[query * lists.Width + i], lists.keys[query * lists.Width + i]) = (order[i], own[order[i]]);
            lists.FarthestKeys[query] = own[order[^1]];
        }
        return lists;
    }

    /// <summary>Measures the candidates of a query exactly and keeps the nearest.</summary>
    private void Settle(ScoreSource source, int query, NeighborCandidates found)
    {
        var near = found.Near;
        var order = Scratch.Ints(near.Length).AsSpan(0, near.Length);
        var exact = Scratch.Doubles(near.Length);
        near.CopyTo(order);
        for (var i = 0; i < order.Length; i++) exact[i] = source.Key(query, order[i]);
        RowOrder.Sort(exact, order);
        order[..Width].CopyTo(rows.AsSpan(query * Width));
        exact[..Width].CopyTo(keys.AsSpan(query * Width));
        var farthest = double.NegativeInfinity;
        foreach (var row in found.Far) farthest = Math.Max(farthest, source.Key(query, row));
        FarthestKeys[query] = farthest;
    }
}
