using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>A record with a key and a vector.</summary>
public sealed class Keyed<TKey>
{
    [VectorStoreKey]
    public TKey Key { get; set; } = default!;

    [VectorStoreVector(2)]
    public float[]? Vector { get; set; }
}
