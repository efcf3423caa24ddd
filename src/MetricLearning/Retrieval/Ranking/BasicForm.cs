using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A built-in distance as a basic distance between rows that are changed first, each for itself.</summary>
/// <remarks>Rows are changed in float64, by additions in one fixed order, so they have the same bits for every number of threads and on
/// every device, and equal rows stay equal.</remarks>
/// <param name="Basic">The Euclidean distance in one of its forms, the cosine or the dot product.</param>
/// <param name="Norms">The orders of the norms in which a row gets length 1, one after the other.</param>
/// <param name="DividesBySignal">Whether the mean of a row is then subtracted from it, and the distance divided by the squared length of
/// the query.</param>
internal sealed record BasicForm(Distance Basic, IReadOnlyList<double> Norms, bool DividesBySignal)
{
    /// <summary>The form of a distance; null if it has none.</summary>
    public static BasicForm? Of(Distance distance)
    {
        var norms = new List<double>();
        for (; distance is NormalizedDistance normalized; distance = normalized.Inner) norms.Add(normalized.Order);
        return distance switch
        {
            SignalToNoiseDistance => new(Distance.EuclideanSquared, norms, DividesBySignal: true),
            EuclideanDistance or EuclideanSquaredDistance or EuclideanClampedDistance or CosineDistance or DotDistance =>
                new(distance, norms, DividesBySignal: false),
            _ => null,
        };
    }

    /// <summary>Whether rows are changed.</summary>
    public bool ChangesRows => Norms.Count > 0 || DividesBySignal;

    /// <summary>Changes the rows: [N, D] of any floating-point type → float64 [N, D] on the CPU.</summary>
    public unsafe Tensor Rows(Tensor features)
    {
        var rows = features.to(CPU).to(ScalarType.Float64, copy: true).contiguous();
        var (memory, width) = ((nint)TensorMemory.Of(rows), (int)rows.size(1));
        Threads.For((int)rows.size(0), row => Change(new Span<double>((double*)memory + (long)row * width, width)));
        return rows;
    }

    private void Change(Span<double> row)
    {
        foreach (var number in row)
            if (!double.IsFinite(number)) return;       // FeatureRows refuses the row as it is
        foreach (var order in Norms) Normalize(row, order);
        if (DividesBySignal) Center(row);
    }

    /// <summary>Scales a row to length 1. A zero row stays zero.</summary>
    private static void Normalize(Span<double> row, double order)
    {
        var largest = 0.0;
        foreach (var number in row) largest = Math.Max(largest, Math.Abs(number));
        if (largest == 0) return;
        var (exponent, sum) = (-Math.ILogB(largest), 0.0);      // a power of two, so that no power of a number overflows
        foreach (ref var number in row)
        {
            number = Math.ScaleB(number, exponent);
            sum += order switch { 1 => Math.Abs(number), 2 => number * number, _ => Math.Pow(Math.Abs(number), order) };
        }
        var length = order switch { 1 => sum, 2 => Math.Sqrt(sum), _ => Math.Pow(sum, 1 / order) };
        foreach (ref var number in row) number /= length;
    }

    /// <summary>Subtracts the mean, as <see cref="RowMath.Deviations"/> does: equal entries give exactly 0.</summary>
    private static void Center(Span<double> row)
    {
        if (row.Length == 0) return;
        var (first, sum) = (row[0], 0.0);
        foreach (ref var number in row) sum += number -= first;
        var mean = sum / row.Length;
        foreach (ref var number in row) number -= mean;
    }
}
