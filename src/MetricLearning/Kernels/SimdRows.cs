using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Walks a row and its mask in vectors; what lies past the end of the row is 0, and kept by no mask.</summary>
/// <remarks>
/// A vector that a call returns goes through memory, and one call in a loop is enough for all of the loop's vectors to: where the processor
/// has masked loads and stores, the end of a row is one of them.
/// </remarks>
internal static unsafe class SimdRows
{
    /// <summary>Whether a tensor's numbers can be walked so: float32 or float64 on the CPU.</summary>
    public static bool Suit(Tensor x) => x.device_type == TorchSharp.DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.Float64;

    /// <summary>Numbers i, i + 1, ... of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Load<T>(T* row, int i, int count) where T : unmanaged =>
        count - i >= Vector256<T>.Count ? Vector256.Load(row + i) : Avx.IsSupported ? Masked(row + i, count - i) : Rest(row + i, count - i);

    /// <summary>Writes numbers i, i + 1, ... of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* row, int i, int count, Vector256<T> values) where T : unmanaged
    {
        if (count - i >= Vector256<T>.Count) values.Store(row + i);
        else if (Avx.IsSupported && typeof(T) == typeof(float)) Avx.MaskStore((float*)row + i, First<T>(count - i).AsSingle(),
            values.AsSingle());
        else if (Avx.IsSupported) Avx.MaskStore((double*)row + i, First<T>(count - i).AsDouble(), values.AsDouble());
        else StoreRest(values, row + i, count - i);
    }

    /// <summary>Adds to numbers i, i + 1, ... of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<T>(T* row, int i, int count, Vector256<T> values) where T : unmanaged =>
        Store(row, i, count, Load(row, i, count) + values);

    /// <summary>The product of two rows, in float64.</summary>
    public static double Dot<T>(T* x, T* y, int count) where T : unmanaged
    {
        Vector256<double> even = default, odd = default;
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var (left, right) = (Load(x, i, count), Load(y, i, count));
            if (typeof(T) == typeof(double))
            {
                even += left.AsDouble() * right.AsDouble();
                continue;
            }
            var ((a, b), (c, d)) = (Vector256.Widen(left.AsSingle()), Vector256.Widen(right.AsSingle()));
            even += a * c;
            odd += b * d;
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>The square of the distance of two rows, in float64.</summary>
    public static double SquaredDistance<T>(T* x, T* y, int count) where T : unmanaged
    {
        var sum = Vector256<double>.Zero;
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var difference = Load(x, i, count) - Load(y, i, count);
            sum += Widened(difference * difference);
        }
        return Vector256.Sum(sum);
    }

    /// <summary>The mask of numbers i, i + 1, ... of a row: a byte for each, 1 where it is kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Kept<T>(byte* mask, int i, int count) where T : unmanaged =>
        count - i < Vector256<T>.Count ? Rest(mask + i, count - i) : Vector256<T>.Count == 8 ? *(ulong*)(mask + i) : *(uint*)(mask + i);

    /// <summary>All bits of a number that is kept, none of others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Mask<T>(ulong kept) where T : unmanaged
    {
        var words = Vector128.WidenLower(Vector128.CreateScalar(kept).AsByte());
        if (Vector256<T>.Count == 8)
        {
            var (low, high) = Vector128.Widen(words);
            return Vector256.GreaterThan(Vector256.Create(low, high).AsInt32(), Vector256<int>.Zero).As<int, T>();
        }
        var (first, second) = Vector128.Widen(Vector128.WidenLower(words));
        return Vector256.GreaterThan(Vector256.Create(first, second).AsInt64(), Vector256<long>.Zero).As<long, T>();
    }

    /// <summary>Whether a comparison held for all numbers of a vector.</summary>
    public static bool All<T>(Vector256<T> compared) where T : unmanaged =>
        compared.ExtractMostSignificantBits() == (1u << Vector256<T>.Count) - 1;

    /// <summary>The sum of a vector's numbers in float64, four at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> Widened<T>(Vector256<T> x) where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return x.AsDouble();
        var (low, high) = Vector256.Widen(x.AsSingle());
        return low + high;
    }

    /// <summary>The largest number; NaN is never it.</summary>
    public static T Largest<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var largest = T.NegativeInfinity;
        for (var k = 0; k < Vector256<T>.Count; k++)
            if (x.GetElement(k) > largest) largest = x.GetElement(k);
        return largest;
    }

    /// <summary>All bits of the first numbers of a vector.</summary>
    private static Vector256<T> First<T>(int count) where T : unmanaged => typeof(T) == typeof(float)
        ? Vector256.LessThan(Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7), Vector256.Create(count)).As<int, T>()
        : Vector256.LessThan(Vector256.Create(0L, 1, 2, 3), Vector256.Create((long)count)).As<long, T>();

    private static Vector256<T> Masked<T>(T* row, int count) where T : unmanaged => typeof(T) == typeof(float)
        ? Avx.MaskLoad((float*)row, First<T>(count).AsSingle()).As<float, T>()
        : Avx.MaskLoad((double*)row, First<T>(count).AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<T> Rest<T>(T* row, int count) where T : unmanaged
    {
        var rest = Vector256<T>.Zero;
        for (var k = 0; k < count; k++) rest = rest.WithElement(k, row[k]);
        return rest;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Rest(byte* mask, int count)
    {
        var kept = 0UL;
        for (var k = 0; k < count; k++) kept |= (ulong)mask[k] << 8 * k;
        return kept;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreRest<T>(Vector256<T> values, T* row, int count) where T : unmanaged
    {
        for (var k = 0; k < count; k++) row[k] = values.GetElement(k);
    }
}
