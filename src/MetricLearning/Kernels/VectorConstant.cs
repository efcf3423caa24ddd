using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>A number that loops over vectors multiply with or add, rounded once.</summary>
internal readonly struct VectorConstant(double value)
{
    private readonly double twice = value;
    private readonly float single = (float)value;

    /// <summary>The number in each place of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<T> Of<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        typeof(T) == typeof(float) ? Vector256.Create(single).As<float, T>() : Vector256.Create(twice).As<double, T>();
}
