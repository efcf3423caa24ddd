namespace MetricLearning.Search;

/// <summary>A query vector with its identity and camera, as far as they are known.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Vector">The vector.</param>
public sealed record SearchQuery(ReadOnlyMemory<float> Vector)
{
    /// <summary>The identity that the query shows, any 64-bit number. Default: null, not known.</summary>
    public long? Identity { get; init; }

    /// <summary>The camera that took the picture, any 64-bit number. Default: null, not known.</summary>
    public long? Camera { get; init; }

    /// <summary>Makes one query from several pictures of one thing: the mean of their vectors, or the maximum of each component.</summary>
    /// <param name="vectors">[D] each, at least one.</param>
    /// <param name="pooling">How the vectors are pooled. Default: the mean.</param>
    /// <exception cref="ArgumentNullException">The vectors are null.</exception>
    /// <exception cref="ArgumentException">There are no vectors, or their widths differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The pooling is undefined.</exception>
    public static SearchQuery Of(IReadOnlyList<ReadOnlyMemory<float>> vectors, MultiQueryPooling pooling = MultiQueryPooling.Average)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        Guard.Defined(pooling);
        if (vectors.Count == 0) throw new ArgumentException("vectors must have at least one vector, got none.", nameof(vectors));
        var width = vectors[0].Length;
        foreach (var vector in vectors)
            if (vector.Length != width)
                throw new ArgumentException($"vectors must all have the same width, got {width} and {vector.Length}.", nameof(vectors));
        return new SearchQuery(Enumerable.Range(0, width).Select(column =>
        {
            var values = vectors.Select(vector => (double)vector.Span[column]);
            return (float)(pooling == MultiQueryPooling.Max ? values.Max() : values.Average());
        }).ToArray());
    }
}
