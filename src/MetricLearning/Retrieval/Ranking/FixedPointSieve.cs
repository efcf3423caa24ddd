using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Tiles of float32 scores of features on the CPU, from products of 16-bit integers, with their error bound.</summary>
/// <remarks>
/// <para>A row x is replaced by <c>z = f x − c</c>: f is 1, or 1 / ‖x‖ for the cosine; c is approximately the mean of the gallery's f x.
/// This does not change the order of any query, and shorter rows have smaller errors. Scores are <c>offset − w z·z'</c>: for Euclidean
/// distances w = 2 and <c>offset = ‖z'‖²</c>, else w = 1 and <c>offset = −c·z'</c>. A key plus the query's shift is the score before
/// roundings.</para>
/// <para>The bound. With <c>z = s i + e</c> (<see cref="FixedPointRow"/>), <c>z·z' = s s' i·i' + e·(s' i' + e') + (s i)·e'</c>; the last
/// two are at most <c>‖e‖ (‖s' i'‖ + ‖e'‖) + ‖s i‖ ‖e'‖</c> (Cauchy and Schwarz). The sums of integers are exact. The sum of
/// n blocks, the factors and the offset are rounded in float32, by at most <c>(n + 6) u ‖s i‖ ‖s' i'‖</c> and <c>2 u |offset|</c>, and, if
/// numbers underflow, by at most 2⁻¹¹⁰ n times the lengths. Norms, z and e are rounded in float64, as the exact keys are: a few γ of the
/// width times the square of the lengths of <c>f x</c> and c. A slack of 1 % covers terms of second order.</para>
/// </remarks>
internal sealed unsafe class FixedPointSieve
{
    private const int WorkRows = 32 * FixedPoint.Strip, WorkColumns = 8 * FixedPoint.Panel;     // fit into a core's caches
    private const double Unit = 1.0 / (1 << 24), UnitOfDouble = 1.0 / (1L << 53);

    private readonly FixedPointRows queries, gallery;
    private readonly int width, weight;
    private readonly bool squared;
    private readonly double[] shifts;
    private readonly double largestOffset;
    private Tensor? tile;
    private nint scores, strips, panels, left, right, offset;
    private int count;

    /// <param name="distance">A built-in distance.</param>
    /// <param name="queries">The rows x on the left.</param>
    /// <param name="gallery">Those on the right.</param>
    /// <param name="factor">f, from the length of x.</param>
    /// <param name="center">c.</param>
    public FixedPointSieve(Distance distance, FeatureRows queries, FeatureRows gallery, Func<double, double> factor, double[] center)
    {
        Array.Resize(ref center, FixedPoint.Padded(center.Length));
        squared = FeatureScores.IsEuclidean(distance);
        (weight, width) = (squared ? 2 : 1, center.Length);
        this.queries = new FixedPointRows(queries, factor, center, squared);
        this.gallery = ReferenceEquals(queries, gallery) ? this.queries : new FixedPointRows(gallery, factor, center, squared);
        foreach (var number in this.gallery.Numbers) largestOffset = Math.Max(largestOffset, Math.Abs(number));
        var square = center.Sum(c => c * c);
        shifts = Array.ConvertAll(this.queries.Numbers, number => squared ? -number : number + square);
    }

    /// <summary>Bytes that are kept.</summary>
    public static long HeldBytes(long queries, long gallery) => (queries + gallery) * FixedPointRows.BytesPerRow + queries * 8;

    /// <summary>Bytes of working memory for a tile, without the tile itself.</summary>
    public static long TileBytes(int queries, int rows, int width) =>
        (queries + FixedPoint.Strip + rows + FixedPoint.Panel) * (2L * FixedPoint.Padded(width) + 8);

    /// <summary>The number that is added to a query's keys to give its scores.</summary>
    public double Shift(int query) => shifts[query];

    /// <summary>The largest difference between a score of the query and the score that its exact key stands for.</summary>
    public double Error(int query)
    {
        var (row, norm, residual) = (queries[query], gallery.LargestNorm, gallery.LargestResidual);
        var blocks = (width + FixedPoint.Depth - 1) / FixedPoint.Depth;
        var left = row.Residual * (norm + residual) + row.Norm * residual;
        var rounded = (blocks + 6) * Unit * row.Norm * norm;
        var lengths = queries.Length + gallery.Length;
        return 1.01 * (weight * (left + rounded) + 2 * Unit * largestOffset
            + 4 * (width + 32) * UnitOfDouble * lengths * lengths + blocks * Math.ScaleB(1, -110) * (1 + row.Norm + norm));
    }

    /// <summary>Prepares tiles with at most a given number of rows for a block of queries. The memory belongs to the current dispose
    /// scope.</summary>
    public void Begin(int query, int queryCount, int rows)
    {
        count = queryCount;
        var (whole, wide) = (Whole(count, FixedPoint.Strip), Whole(rows, FixedPoint.Panel));
        tile = empty(count * (long)rows, ScalarType.Float32);
        scores = (nint)TensorMemory.Of(tile);
        strips = Memory(whole * (long)width, ScalarType.Int16);
        panels = Memory(wide * (long)width, ScalarType.Int16);
        (left, right, offset) = (Memory(whole, ScalarType.Float32), Memory(wide, ScalarType.Float32), Memory(wide, ScalarType.Float32));
        queries.Write(query, count, FixedPoint.Strip, strips);
        for (var i = 0; i < count; i++) ((float*)left)[i] = (float)(weight * queries[query + i].Scale);

        static nint Memory(long numbers, ScalarType type) => (nint)TensorMemory.Of(empty(numbers, type));
    }

    /// <summary>Scores of the block of queries that was begun; the previous tile is overwritten.</summary>
    public Tensor Tile(int row, int rows)
    {
        gallery.Write(row, rows, FixedPoint.Panel, panels);
        for (var j = 0; j < rows; j++)
        {
            ((float*)right)[j] = (float)gallery[row + j].Scale;
            ((float*)offset)[j] = (float)(squared ? gallery.Numbers[row + j] : -gallery.Numbers[row + j]);
        }
        var across = (rows + WorkColumns - 1) / WorkColumns;
        Threads.For((count + WorkRows - 1) / WorkRows * across, piece =>
        {
            var (i, j) = (piece / across * WorkRows, piece % across * WorkColumns);
            FixedPoint.Multiply((int*)strips + (long)i * width / 2, (float*)left + i, Math.Min(WorkRows, count - i),
                (int*)panels + (long)j * width / 2, (float*)right + j, (float*)offset + j, Math.Min(WorkColumns, rows - j), width,
                (float*)scores + (long)i * rows + j, rows);
        });
        return tile!.narrow(0, 0, count * (long)rows).view(count, rows);
    }

    private static int Whole(int count, int together) => (count + together - 1) / together * together;
}
