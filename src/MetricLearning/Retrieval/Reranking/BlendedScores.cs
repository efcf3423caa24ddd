using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scores of k-reciprocal re-ranking: exact Jaccard distances, blended with tiles of the first distances, which have an error
/// bound.</summary>
/// <remarks>
/// The key of a pair is the value of <see cref="RerankedDistances.Rows"/>, <c>(1 − λ) d_J + λ d / m</c>. With <c>t = c + key</c> of the
/// first distance (c is 1 for the cosine, else 0), d is √t, t or t². If the error of a tile's t is at most e, the error of √t is at most
/// √e, and the error of t² is at most <c>e (2 T + e)</c>, where T is the largest t of the query. The rest is rounded in float64, as the
/// exact key is.
/// </remarks>
internal sealed unsafe class BlendedScores : ScoreSource
{
    private const double Unit = 1.0 / (1L << 53);

    private readonly FeatureScores first;
    private readonly EncodedRows encoded;
    private readonly double jaccardShare, added;
    private readonly Func<int, BlendedShare> shareOf;
    private readonly Func<int, int, double> exact;
    private Tensor? block, tile;
    private double* memory;
    private int start;

    /// <param name="first">The first distances, of queries and gallery.</param>
    /// <param name="encoded">Gives d_J.</param>
    /// <param name="jaccardShare">1 − λ.</param>
    /// <param name="added">c.</param>
    /// <param name="shareOf">How the query's first distances enter the blend.</param>
    /// <param name="exact">λ d / m of a query and a row of the gallery.</param>
    public BlendedScores(FeatureScores first, EncodedRows encoded, double jaccardShare, double added, Func<int, BlendedShare> shareOf,
        Func<int, int, double> exact)
    {
        (this.first, this.encoded, this.jaccardShare, this.added) = (first, encoded, jaccardShare, added);
        (this.shareOf, this.exact) = (shareOf, exact);
    }

    public override ScalarType CountingType => ScalarType.Float64;
    public override Device Device => CPU;
    public override long HeldBytes => encoded.Bytes + first.HeldBytes;

    public override long TileBytes(int queries, int rows, ScalarType type) =>
        queries * (8L * encoded.Gallery + (first.CountingType == ScalarType.Float64 ? 8L : 4L) * rows)
        + first.TileBytes(queries, rows, first.CountingType);

    public override void Begin(int query, int queries, int rows, ScalarType type)
    {
        start = query;
        block = encoded.Jaccard(query, queries, jaccardShare);
        memory = (double*)TensorMemory.Of(block);
        first.Begin(query, queries, rows, first.CountingType);
        tile = empty(queries * (long)rows, ScalarType.Float64);
    }

    public override Tensor Tile(int row, int rows)
    {
        var queries = (int)block!.size(0);
        using var scope = NewDisposeScope();
        var scores = first.Tile(row, rows).cpu().contiguous();
        var (from, to) = ((nint)TensorMemory.Of(scores), (nint)TensorMemory.Of(tile!));
        Threads.For(queries, i =>
        {
            if (scores.dtype == ScalarType.Float32) Blend(i, (float*)from + (long)i * rows, row, rows, (double*)to + (long)i * rows);
            else Blend(i, (double*)from + (long)i * rows, row, rows, (double*)to + (long)i * rows);
        });
        return tile!.narrow(0, 0, queries * (long)rows).view(queries, rows).MoveToOuterDisposeScope();
    }

    public override double Key(int query, int row) => memory[(query - start) * (long)encoded.Gallery + row] + exact(query, row);

    public override (double Low, double High) Interval(int query, double key, ScalarType type)
    {
        var error = Error(query);
        return (key - error, key + error);
    }

    public override KeyOfScore KeyOf(int query, ScalarType type) => new(0, 1, Error(query));

    public override double Gap(int query, ScalarType type) => 2 * Error(query);

    /// <summary>Blends some scores of one query.</summary>
    /// <param name="i">The query, counted from the first of the block.</param>
    /// <param name="firsts">Scores of the first distances.</param>
    /// <param name="row">The row of the first score.</param>
    /// <param name="rows">The number of scores.</param>
    /// <param name="blended">Memory for the result.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Blend<T>(int i, T* firsts, int row, int rows, double* blended) where T : unmanaged
    {
        var (keyOf, share) = (first.KeyOf(start + i, first.CountingType), shareOf(start + i));
        var jaccards = memory + (long)i * encoded.Gallery + row;
        var (shift, scale, sum) = (Vector256.Create(keyOf.Shift), Vector256.Create(keyOf.Scale), Vector256.Create(added));
        var (lambda, divisor) = (Vector256.Create(share.Lambda), Vector256.Create(share.Divisor));
        var j = 0;
        for (; j <= rows - 4; j += 4)
        {
            var t = Vector256.Max(Vector256<double>.Zero, sum + (ExactScores.Load(firsts + j) + shift) / scale);
            var power = share.Power == 1 ? t : share.Power == 2 ? t * t : Vector256.Sqrt(t);
            (Vector256.Load(jaccards + j) + lambda * (power / divisor)).Store(blended + j);
        }
        for (; j < rows; j++)
            blended[j] = jaccards[j] + share.Of(Math.Max(0, added + keyOf.Of(KernelArrays.Widen(firsts[j]))));
    }

    private double Error(int query)
    {
        var share = shareOf(query);
        return 1.01 * share.Error(first.KeyOf(query, first.CountingType).Error) + 32 * Unit * (1 + share.Of(share.Largest));
    }
}

/// <summary>How the first distances of a query enter the blend: <c>λ tᵖ / m</c>.</summary>
/// <param name="Lambda">λ.</param>
/// <param name="Divisor">m.</param>
/// <param name="Power">p: ½, 1 or 2.</param>
/// <param name="Largest">T, the largest t.</param>
internal readonly record struct BlendedShare(double Lambda, double Divisor, double Power, double Largest)
{
    /// <summary>The share of a first distance.</summary>
    public double Of(double t) => Lambda * ((Power == 1 ? t : Power == 2 ? t * t : Math.Sqrt(t)) / Divisor);

    /// <summary>Bounds the error of the share if that of t is <paramref name="e"/> and numbers may underflow.</summary>
    public double Error(double e) =>
        Lambda * (((Power == 1 ? e : Power == 2 ? e * (2 * Largest + e) : Math.Sqrt(e)) + 8 * double.Epsilon) / Divisor);
}
