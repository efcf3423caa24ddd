using TorchSharp;

namespace MetricLearning;

/// <summary>The shape of a tile of scores in queries and gallery rows, and the memory that it takes.</summary>
/// <param name="Queries">The number of queries of a block.</param>
/// <param name="Rows">The number of gallery rows of a tile.</param>
/// <param name="Tensors">Whether ranks are counted by tensor operations on the CPU too.</param>
internal readonly record struct TilePlan(int Queries, int Rows, bool Tensors = false)
{
    private const int CpuRows = 2048, DeviceRows = 32768, MostQueries = 4096;

    /// <summary>The largest tiles that a budget holds, of at least one query; or tiles of a given shape.</summary>
    /// <param name="given">The shape; null if the budget decides.</param>
    /// <param name="budget">Bytes for the source and the tiles.</param>
    /// <param name="input">The input of the evaluation.</param>
    /// <param name="bytes">The bytes that tiles of a shape take.</param>
    public static TilePlan For(TilePlan? given, long budget, EvaluationInput input, Func<TilePlan, long> bytes)
    {
        var (source, gallery) = (input.Scores, Math.Max(1, input.Relations.Gallery));
        if (given is { } shape) return shape with { Rows = source.WholeRows ? gallery : shape.Rows };
        var rows = source.WholeRows ? gallery : Math.Min(gallery, source.Device.type == DeviceType.CPU ? CpuRows : DeviceRows);
        var (one, two) = (bytes(new TilePlan(1, rows)), bytes(new TilePlan(2, rows)));
        var block = 1 + (budget - source.HeldBytes - one) / Math.Max(1, two - one);
        return new TilePlan((int)Math.Clamp(block, 1, Math.Min(MostQueries, Math.Max(1, input.Relations.Queries))), rows);
    }

    /// <summary>Bytes that a ranking with these tiles uses at its peak.</summary>
    public long RankingBytes(EvaluationInput input, bool sorts)
    {
        const int perQuery = 256, perMatch = 96;     // rows, keys, intervals, counters and ranks of a block's queries
        var (source, relations) = (input.Scores, input.Relations);
        var held = Queries * (perQuery + (long)perMatch * relations.MostMatches)
            + torch.get_num_threads() * RowOrder.Bytes(sorts ? relations.Gallery : relations.MostMatches);
        var type = source.CountingTypeFor(relations.MeanMatches);
        var size = type == torch.ScalarType.Float64 ? 8 : 4;
        // Sorting: the scores and a tile of them, the removed rows and the sorted ones; on a device also what its sort takes.
        if (sorts) return held + Queries * (long)relations.Gallery * 64 + source.TileBytes(Queries, Rows, torch.ScalarType.Float64);
        var counters = source.Device.type == DeviceType.CPU && !Tensors ? 0 : 40;
        return held + (long)Queries * Rows * (size + counters) + source.TileBytes(Queries, Rows, type);
    }

    /// <summary>Bytes that counting pairs with these tiles uses at its peak.</summary>
    public long PairBytes(EvaluationInput input) =>
        16L * Queries * Rows + Math.Max(input.Scores.TileBytes(Queries, Rows, torch.ScalarType.Float64),
            input.Scores.TileBytes(Queries, Rows, input.Scores.CountingType));
}
