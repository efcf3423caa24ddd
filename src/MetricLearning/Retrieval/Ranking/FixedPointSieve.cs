using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tiles of float32 scores of features on the CPU, from products of 16-bit integers, with their error bound.</summary>
/// <remarks>
/// <para>A row x is replaced by <c>z = f x − c</c>: f is 1, or 1 / ‖x‖ for the cosine; c is approximately the mean of the gallery's f x.
/// This does not change the order of any query, and shorter rows have smaller errors. Scores are <c>offset − w z·z'</c>: for Euclidean
/// distances w = 2 and <c>offset = ‖z'‖²</c>, else w = 1 and <c>offset = −c·z'</c>. A key plus the query's shift is the score before
/// roundings.</para>
/// <para>The bound. With <c>z = s i + e</c> (<see cref="FixedPointRow"/>), <c>z·z' = s s' i·i' + e·(s' i' + e') + (s i)·e'</c>; the last
/// two are at most <c>‖e‖ (‖s' i'‖ + ‖e'‖) + ‖s i‖ ‖e'‖</c> (Cauchy and Schwarz). The sums of integers are exact. Where the integers
/// are split, the sum of the low bytes is left out: at most <c>‖s l‖ ‖s' l'‖</c>. The sum of n blocks (1 if split), the factors and the
/// offset are rounded in float32, by at most <c>(n + 6) u (‖s i‖ + 2 ‖s l‖) (‖s' i'‖ + 2 ‖s' l'‖)</c> and <c>2 u |offset|</c>, and, if
/// numbers underflow, by at most 2⁻¹¹⁰ n times the lengths. Norms, z and e are rounded in float64, as the exact keys are: a few γ of the
/// width times the square of the lengths of <c>f x</c> and c. A slack of 1 % covers terms of second order.</para>
/// </remarks>
internal sealed class FixedPointSieve
{
    private const double Unit = 1.0 / (1 << 24), UnitOfDouble = 1.0 / (1L << 53);

    private readonly FixedPointRows queries, gallery;
    private readonly FixedPointTiles tiles;
    private readonly int blocks, width, weight;
    private readonly double[] shifts;
    private readonly double largestOffset;

    /// <param name="distance">A built-in distance.</param>
    /// <param name="queries">The rows x on the left.</param>
    /// <param name="gallery">Those on the right.</param>
    /// <param name="factor">f, from the length of x.</param>
    /// <param name="center">c.</param>
    /// <param name="split">Whether the integers are split into bytes (<see cref="SplitProduct"/>).</param>
    public FixedPointSieve(Distance distance, FeatureRows queries, FeatureRows gallery, Func<double, double> factor, double[] center,
        bool split)
    {
        Array.Resize(ref center, FixedPoint.Padded(center.Length));
        var squared = FeatureScores.IsEuclidean(distance);
        (weight, width) = (squared ? 2 : 1, center.Length);
        blocks = split ? 1 : (width + FixedPoint.Depth - 1) / FixedPoint.Depth;
        this.queries = new FixedPointRows(queries, factor, center, squared, split);
        this.gallery = ReferenceEquals(queries, gallery) ? this.queries : new FixedPointRows(gallery, factor, center, squared, split);
        tiles = split ? new SplitTiles(this.queries, this.gallery, squared, width)
            : new PairTiles(this.queries, this.gallery, squared, width);
        foreach (var number in this.gallery.Numbers) largestOffset = Math.Max(largestOffset, Math.Abs(number));
        var square = center.Sum(c => c * c);
        shifts = Array.ConvertAll(this.queries.Numbers, number => squared ? -number : number + square);
    }

    /// <summary>Bytes that are kept.</summary>
    public static long HeldBytes(long queries, long gallery) => (queries + gallery) * FixedPointRows.BytesPerRow + queries * 8;

    /// <summary>Bytes of working memory for a tile, without the tile itself.</summary>
    public static long TileBytes(int queries, int rows, int width, bool split) => split
        ? SplitTiles.Bytes(queries, rows, FixedPoint.Padded(width)) : PairTiles.Bytes(queries, rows, FixedPoint.Padded(width));

    /// <summary>The number that is added to a query's keys to give its scores.</summary>
    public double Shift(int query) => shifts[query];

    /// <summary>The largest difference between a score of the query and the score that its exact key stands for.</summary>
    public double Error(int query)
    {
        var (row, norm, residual, low) = (queries[query], gallery.LargestNorm, gallery.LargestResidual, gallery.LargestLow);
        var left = row.Residual * (norm + residual) + row.Norm * residual + row.Low * low;
        var rounded = (blocks + 6) * Unit * (row.Norm + 2 * row.Low) * (norm + 2 * low);
        var lengths = queries.Length + gallery.Length;
        return 1.01 * (weight * (left + rounded) + 2 * Unit * largestOffset
            + 4 * (width + 32) * UnitOfDouble * lengths * lengths + blocks * Math.ScaleB(1, -110) * (1 + row.Norm + norm));
    }

    /// <summary>Prepares tiles with at most a given number of rows for a block of queries. The memory belongs to the current dispose
    /// scope.</summary>
    public void Begin(int query, int queryCount, int rows) => tiles.Begin(query, queryCount, rows);

    /// <summary>Scores of the block of queries that was begun; the previous tile is overwritten.</summary>
    public Tensor Tile(int row, int rows) => tiles.Tile(row, rows);
}
