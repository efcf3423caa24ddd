using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>A constant of a vector loop, rounded to each type once.</summary>
internal readonly struct VectorConstant(double value)
{
    private readonly double float64 = value;
    private readonly float float32 = (float)value;

    /// <summary>A vector whose entries are all the constant.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<T> Broadcast<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        typeof(T) == typeof(float) ? Vector256.Create(float32).As<float, T>() : Vector256.Create(float64).As<double, T>();
}
