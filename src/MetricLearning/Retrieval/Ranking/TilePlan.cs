using TorchSharp;

namespace MetricLearning;

/// <summary>How many queries and gallery rows a tile of scores has, and the memory that this takes.</summary>
/// <param name="Queries">Queries a block.</param>
/// <param name="Rows">Gallery rows a tile.</param>
/// <param name="Tensors">Count in tensor operations on the CPU too.</param>
internal readonly record struct TilePlan(int Queries, int Rows, bool Tensors = false)
{
    private const int CpuRows = 2048, DeviceRows = 32768, MostQueries = 4096;

    /// <summary>The largest tiles that a budget holds; at least one query.</summary>
    public static TilePlan For(long budget, ScoreSource source, Relations relations, bool sorts)
    {
        var gallery = relations.Gallery;
        var rows = source.WholeRows ? Math.Max(1, gallery)
            : Math.Clamp(gallery, 1, source.Device.type == DeviceType.CPU ? CpuRows : DeviceRows);
        var one = new TilePlan(1, rows).Bytes(source, relations, sorts);
        var two = new TilePlan(2, rows).Bytes(source, relations, sorts);
        var block = 1 + (budget - one) / Math.Max(1, two - one);
        return new TilePlan((int)Math.Clamp(block, 1, Math.Min(MostQueries, Math.Max(1, relations.Queries))), rows);
    }

    /// <summary>Bytes that a ranking with these tiles uses at its peak.</summary>
    public long Bytes(ScoreSource source, Relations relations, bool sorts)
    {
        const int perQuery = 256, perMatch = 64;     // rows, keys, intervals and counters of a block's queries
        var held = Queries * (perQuery + (long)perMatch * relations.MostMatches);
        var size = source.CountingType == torch.ScalarType.Float64 ? 8 : 4;
        // Sorting: scores; values and indices, on the device and here, and what sort itself takes.
        if (sorts) return held + Queries * (long)relations.Gallery * 64 + source.TileBytes(Queries, Rows, torch.ScalarType.Float64);
        var counters = source.Device.type == DeviceType.CPU && !Tensors ? 0 : 40;
        return held + (long)Queries * Rows * (size + counters) + source.TileBytes(Queries, Rows, source.CountingType);
    }
}
