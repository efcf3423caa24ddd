using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>A record with an identity and a camera.</summary>
public sealed class Thing
{
    public const int Width = 8;

    [VectorStoreKey]
    public int Id { get; set; }

    [VectorStoreData]
    public long? Identity { get; set; }

    [VectorStoreData]
    public long? Camera { get; set; }

    [VectorStoreVector(Width)]
    public ReadOnlyMemory<float> Vector { get; set; }

    public RowLabels Labels => new() { Identity = Identity, Camera = Camera };

    /// <summary>Returns four hundred records. Some of their labels are not known.</summary>
    public static Thing[] All { get; } = [.. DrawnRows.Of(RowKind.Rectified, 400, Width, seed: 8).Select((row, key) => new Thing
    {
        Id = key,
        Identity = key % 10 == 9 ? null : key % 13 - 1,
        Camera = key % 4 == 3 ? null : key % 4,
        Vector = row,
    })];

    public static float[][] Queries { get; } = DrawnRows.Of(RowKind.Rectified, 30, Width, seed: 9);
}
