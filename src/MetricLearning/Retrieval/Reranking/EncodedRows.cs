using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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
        gallery = new InvertedIndex(rows[galleryStart..], rows.Length);
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
            ToDistances(row, share);
        });
        return distances;
    }

    /// <summary>Turns sums of minima into Jaccard distances times a share.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToDistances(Span<double> sums, double share)
    {
        var (one, two, factor) = (Vector256.Create(1.0), Vector256.Create(2.0), Vector256.Create(share));
        var j = 0;
        fixed (double* p = sums)
            for (; j <= sums.Length - 4; j += 4)
            {
                var sum = Vector256.Load(p + j);
                (Vector256.Max(Vector256<double>.Zero, one - sum / (two - sum)) * factor).Store(p + j);
            }
        for (; j < sums.Length; j++) sums[j] = Math.Max(0, 1 - sums[j] / (2 - sums[j])) * share;
    }
}
