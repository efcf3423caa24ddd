using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Rows of features on the CPU, float32 or float64, and their lengths.</summary>
internal sealed unsafe class FeatureRows
{
    private const double LongestThatCanBeSquared = 1e150;

    private readonly byte* memory;
    private readonly bool wide;

    /// <param name="features">[N, D], contiguous, on the CPU, and kept alive by the caller.</param>
    /// <param name="origin">The argument that they come from, for messages.</param>
    /// <exception cref="ArgumentException">A feature is not finite, or a row too long; the message names the row.</exception>
    public FeatureRows(Tensor features, RowOrigin origin)
    {
        (wide, Width, Origin) = (features.dtype == ScalarType.Float64, (int)features.size(1), origin);
        memory = TensorMemory.Of(features);
        Norms = new double[features.size(0)];
        Threads.For(Norms.Length, row => Norms[row] = Math.Sqrt(Dot(row, this, row)));
        var bad = Array.FindIndex(Norms, norm => !(norm <= LongestThatCanBeSquared));
        if (bad < 0) return;
        var (argument, name, place) = origin.Of(bad);
        for (var i = 0; i < Width; i++)
            if (!double.IsFinite(At(bad, i)))
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"{name} must be finite, got {At(bad, i)} in row {place}, column {i}."), argument);
        throw new ArgumentException($"{name} must have rows of length at most 1e150, got more in row {place}.", argument);
    }

    /// <summary>Whether short rows were scaled up, so these rows are not the given ones (<see cref="ShortRows"/>).</summary>
    public bool AreLifted { get; init; }

    public RowOrigin Origin { get; }
    public int Count => Norms.Length;
    public int Width { get; }
    public double[] Norms { get; }

    public double LargestNorm => Norms.DefaultIfEmpty().Max();

    /// <summary><c>Σ xᵢ yᵢ</c> of a row and one of other rows of the same type, by <see cref="ExactScores"/>.</summary>
    public double Dot(int row, FeatureRows others, int other) => wide
        ? ExactScores.Dot((double*)memory + Start(row), (double*)others.memory + Start(other), Width)
        : ExactScores.Dot((float*)memory + Start(row), (float*)others.memory + Start(other), Width);

    /// <summary><c>Σ (xᵢ − yᵢ)²</c> of the same rows, by <see cref="ExactScores"/>.</summary>
    public double SquaredDistance(int row, FeatureRows others, int other) => wide
        ? ExactScores.SquaredDistance((double*)memory + Start(row), (double*)others.memory + Start(other), Width)
        : ExactScores.SquaredDistance((float*)memory + Start(row), (float*)others.memory + Start(other), Width);

    /// <summary>Whether all numbers of a row are 0.</summary>
    public bool IsZero(int row)
    {
        for (var i = 0; i < Width; i++)
            if (At(row, i) != 0) return false;
        return true;
    }

    /// <summary>Writes <c>factor · x − center</c> of a row x to z.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Read(int row, double factor, ReadOnlySpan<double> center, Span<double> z)
    {
        var i = 0;
        if (!wide)
            fixed (double* c = center, target = z)
                for (var x = (float*)memory + Start(row); i <= Width - 8; i += 8)
                {
                    var (low, high) = Vector256.Widen(Vector256.Load(x + i));
                    (low * factor - Vector256.Load(c + i)).Store(target + i);
                    (high * factor - Vector256.Load(c + i + 4)).Store(target + i + 4);
                }
        for (; i < Width; i++) z[i] = At(row, i) * factor - center[i];
    }

    private double At(int row, int column) => wide ? ((double*)memory)[Start(row) + column] : ((float*)memory)[Start(row) + column];

    private long Start(int row) => (long)row * Width;
}
