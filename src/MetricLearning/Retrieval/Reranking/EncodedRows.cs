using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The rows V of k-reciprocal re-ranking, of the queries and of the gallery, and their Jaccard distances.</summary>
internal sealed unsafe class EncodedRows
{
    private readonly SparseRow[] queries;
    private readonly InvertedIndex gallery;

    /// <param name="rows">All rows.</param>
    /// <param name="queries">Q: how many of the first are queries.</param>
    /// <param name="galleryStart">The first row of the gallery.</param>
    public EncodedRows(SparseRow[] rows, int queries, int galleryStart)
    {
        this.queries = rows[..queries];
        gallery = new InvertedIndex(rows.AsSpan(galleryStart), rows.Length);
        Gallery = rows.Length - galleryStart;
        Bytes = this.queries.Sum(row => row.Bytes) + gallery.Bytes;
    }

    /// <summary>Q.</summary>
    public int Queries => queries.Length;

    /// <summary>G.</summary>
    public int Gallery { get; }

    /// <summary>Bytes of the entries.</summary>
    public long Bytes { get; }

    /// <summary>Jaccard distances of some queries to the gallery, times a share, float64 [count, G]: <c>d_J = 1 − Σ min(Vᵢ, Vⱼ) / (2 − Σ
    /// min(Vᵢ, Vⱼ))</c>.</summary>
    public Tensor Jaccard(int first, int count, double share)
    {
        var distances = zeros(count, Gallery, ScalarType.Float64);
        if (distances.numel() == 0) return distances;
        var memory = (nint)TensorMemory.Of(distances);
        Threads.For(count, i =>
        {
            var row = new Span<double>((double*)memory + (long)i * Gallery, Gallery);
            gallery.AddMinima(queries[first + i], row);
            for (var j = 0; j < Gallery; j++) row[j] = Math.Max(0, 1 - row[j] / (2 - row[j])) * share;
        });
        return distances;
    }
}
