namespace MetricLearning;

/// <summary>A part of a matrix of products, as it lies in memory.</summary>
/// <param name="Entries">The first entry.</param>
/// <param name="Stride">The number of entries from one row of the part to the next.</param>
/// <param name="Row">The row of the matrix where the part begins.</param>
/// <param name="Column">The column of the matrix where the part begins.</param>
/// <param name="Height">The number of rows of the part.</param>
/// <param name="Width">The number of columns of the part.</param>
internal readonly unsafe record struct ProductPart(nint Entries, int Stride, int Row, int Column, int Height, int Width)
{
    /// <summary>The first entry of a row of the part.</summary>
    public float* RowAt(int i) => (float*)Entries + (long)i * Stride;
}
