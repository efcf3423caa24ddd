namespace MetricLearning.Search;

/// <summary>The layout of the rows of an index in memory.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Width">The length of a row.</param>
internal sealed unsafe record RowShape(SearchMetric Metric, int Width)
{
    /// <summary>The largest width of a row.</summary>
    public const int LargestWidth = 1 << 16;

    private const int NumbersPerChunk = 1 << 20, FewestRows = 64, MostRows = 8192;

    /// <summary>The length of a row of integers: the width, rounded up to a multiple of 16.</summary>
    public int Padded { get; } = FixedPoint.Padded(Width);

    /// <summary>Row r is in the chunk <c>r &gt;&gt; ChunkShift</c>.</summary>
    public int ChunkShift { get; } = int.Log2(Math.Clamp(NumbersPerChunk / Width, FewestRows, MostRows));

    /// <summary>The number of rows of a chunk, a power of two.</summary>
    public int ChunkRows => 1 << ChunkShift;

    /// <summary>The number of chunks that hold this number of rows.</summary>
    public int Chunks(int rows) => (rows + ChunkRows - 1) >> ChunkShift;

    /// <summary>The exact score of a query and a row, larger is nearer: the cosine, the dot product, or the negative square of the
    /// Euclidean distance.</summary>
    /// <param name="query">The query.</param>
    /// <param name="querySquare">The square of its length.</param>
    /// <param name="row">The row.</param>
    /// <param name="rowSquare">The square of its length, as <see cref="Square"/> gives it.</param>
    public double Score(float* query, double querySquare, float* row, double rowSquare) =>
        ExactScore.Of(Metric, Width, query, querySquare, row, rowSquare);

    /// <summary>The square of the length of a row.</summary>
    public double Square(float* row) => ExactScore.Square(row, Width);

    /// <summary>The factor by which a row of this length is multiplied before its center is subtracted.</summary>
    public double Factor(double norm) => Metric == SearchMetric.Cosine ? 1 / norm : 1;
}
