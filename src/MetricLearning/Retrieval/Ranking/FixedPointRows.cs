namespace MetricLearning;

/// <summary>Features as rows <c>z = f x − c</c> of 16-bit integers. The integers are computed when they are needed. For each row it stores
/// only the error of its integers and one number.</summary>
internal sealed unsafe class FixedPointRows
{
    private readonly FeatureRows features;
    private readonly double[] center;
    private readonly Func<double, double> factor;
    private readonly FixedPointRow[] rows;

    /// <param name="features">x.</param>
    /// <param name="factor">f of a row, from the length of x.</param>
    /// <param name="center">c.</param>
    /// <param name="squared">Whether the number of a row is <c>z·z</c>; else it is <c>c·z</c>.</param>
    /// <param name="split">Whether the integers are written as two bytes each.</param>
    public FixedPointRows(FeatureRows features, Func<double, double> factor, double[] center, bool squared, bool split)
    {
        (this.features, this.factor) = (features, factor);
        this.center = center;
        (rows, Numbers) = (new FixedPointRow[features.Count], new double[features.Count]);
        Threads.For(rows.Length, row =>
        {
            var z = Read(row);
            rows[row] = FixedPoint.Fit(z, split);
            fixed (double* p = z, other = squared ? z : center) Numbers[row] = ExactScores.Dot(p, other, features.Width);
        });
        var longest = 0.0;
        foreach (var norm in features.Norms) longest = Math.Max(longest, norm * factor(norm));
        fixed (double* c = center) Length = longest + Math.Sqrt(ExactScores.Dot(c, c, center.Length));
        foreach (var row in rows)
        {
            LargestNorm = Math.Max(LargestNorm, row.Norm);
            LargestResidual = Math.Max(LargestResidual, row.Residual);
            LargestLow = Math.Max(LargestLow, row.Low);
        }
    }

    /// <summary>The number of bytes that are kept for a row.</summary>
    public const int BytesPerRow = 40;

    public double[] Numbers { get; }

    /// <summary>The sum of the largest <c>‖f x‖</c> and <c>‖c‖</c>.</summary>
    public double Length { get; }

    public double LargestNorm { get; }
    public double LargestResidual { get; }
    public double LargestLow { get; }

    public FixedPointRow this[int row] => rows[row];

    /// <summary>Writes rows interleaved, in groups.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="together">The number of rows of a group: <see cref="FixedPoint.Strip"/> or <see cref="FixedPoint.Panel"/>. The last
    /// group is filled up with zeros.</param>
    /// <param name="target">Memory for whole groups.</param>
    public void Write(int first, int count, int together, nint target)
    {
        var pairs = center.Length / 2;
        Threads.For((count + together - 1) / together, group =>
        {
            var start = (int*)target + (long)group * together * pairs;
            if ((group + 1) * together > count) new Span<int>(start, together * pairs).Clear();
            for (var i = 0; i < together && group * together + i < count; i++)
            {
                var row = first + group * together + i;
                FixedPoint.Write(Read(row), rows[row].Scale, start + i, together);
            }
        });
    }

    /// <summary>Writes rows as bytes.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">The number of rows.</param>
    /// <param name="high">Memory for the high bytes of the first row.</param>
    /// <param name="low">Memory for its low bytes.</param>
    /// <param name="stride">The number of bytes from one row to the next.</param>
    public void Split(int first, int count, nint high, nint low, long stride) => Threads.For(count, i =>
        FixedPoint.Split(Read(first + i), rows[first + i].Scale, (sbyte*)high + i * stride, (sbyte*)low + i * stride));

    private Span<double> Read(int row)
    {
        var z = Scratch.Doubles(center.Length);
        z[features.Width..].Clear();
        features.Read(row, factor(features.Norms[row]), center, z);
        return z;
    }
}
