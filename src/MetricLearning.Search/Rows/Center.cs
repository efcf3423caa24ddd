namespace MetricLearning.Search;

/// <summary>The point c that is subtracted from rows before they become integers. It is about their mean. It affects the speed of a search
/// but never its result.</summary>
internal sealed unsafe class Center
{
    private const int SampledRows = 4096;

    /// <param name="values">c, padded with zeros to whole groups of 16.</param>
    /// <param name="rows">The number of rows when it was chosen.</param>
    public Center(double[] values, int rows)
    {
        (Values, Rows) = (values, rows);
        fixed (double* c = values) Norm = Math.Sqrt(ExactScores.Dot(c, c, values.Length));
    }

    /// <summary>c, padded with zeros to whole groups of 16.</summary>
    public double[] Values { get; }

    /// <summary><c>‖c‖</c>.</summary>
    public double Norm { get; }

    /// <summary>The number of rows when the center was chosen.</summary>
    public int Rows { get; }

    /// <summary>The center of an index without rows.</summary>
    public static Center Zero(RowShape shape) => new(new double[shape.Padded], 0);

    /// <summary>Computes the mean of the rows, each times its factor. If there are many rows, an evenly spread sample of them is
    /// used.</summary>
    /// <param name="shape">The layout of rows in memory.</param>
    /// <param name="chunks">The rows.</param>
    /// <param name="rows">The number of rows.</param>
    public static Center Of(RowShape shape, VectorChunk[] chunks, int rows)
    {
        var sampled = Math.Min(rows, SampledRows);
        var sum = new double[shape.Padded];
        for (var i = 0; i < sampled; i++)
        {
            var row = (int)((long)i * rows / sampled);
            var (chunk, place) = (chunks[row >> shape.ChunkShift], row & (shape.ChunkRows - 1));
            var weight = shape.Factor(Math.Sqrt(chunk.Squares[place])) / sampled;
            var x = chunk.Row(place);
            for (var column = 0; column < shape.Width; column++) sum[column] += x[column] * weight;
        }
        return new Center(sum, rows);
    }
}
