using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Loads and stores a row and its mask as 256-bit vectors. Entries past the end of the row are 0, and no mask keeps
/// them.</summary>
/// <remarks>
/// A call that is not inlined returns its vector through memory, and one such call in a loop makes all vectors of the loop go through
/// memory. So the end of a row is read and written by masked loads and stores if the processor has them.
/// </remarks>
internal static unsafe class SimdRows
{
    /// <summary>Whether kernels can read the tensor: float32 or float64 on the CPU.</summary>
    public static bool Supports(Tensor x) =>
        x.device_type == TorchSharp.DeviceType.CPU && x.dtype is ScalarType.Float32 or ScalarType.Float64;

    /// <summary>Loads entries i, i + 1, ... of a row of <paramref name="count"/> entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> Load<T>(T* row, int i, int count) where T : unmanaged =>
        count - i >= Vector256<T>.Count ? Vector256.Load(row + i)
            : Avx.IsSupported ? LoadFirst(row + i, count - i) : LoadRest(row + i, count - i);

    /// <summary>Stores entries i, i + 1, ... of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(T* row, int i, int count, Vector256<T> values) where T : unmanaged
    {
        if (count - i >= Vector256<T>.Count) values.Store(row + i);
        else if (Avx.IsSupported && typeof(T) == typeof(float)) Avx.MaskStore((float*)row + i, FirstLanes<T>(count - i).AsSingle(),
            values.AsSingle());
        else if (Avx.IsSupported) Avx.MaskStore((double*)row + i, FirstLanes<T>(count - i).AsDouble(), values.AsDouble());
        else StoreRest(values, row + i, count - i);
    }

    /// <summary>Adds to entries i, i + 1, ... of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add<T>(T* row, int i, int count, Vector256<T> values) where T : unmanaged =>
        Store(row, i, count, Load(row, i, count) + values);

    /// <summary>The dot product of two rows, summed in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot<T>(T* x, T* y, int count) where T : unmanaged
    {
        Vector256<double> even = default, odd = default;
        var i = 0;
        if (Vector512.IsHardwareAccelerated && typeof(T) == typeof(float))
        {
            var both = Vector512<double>.Zero;      // the two sums side by side
            for (; i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
            {
                var ((a, b), (c, d)) = (Vector512.Widen(Vector512.Load((float*)x + i)), Vector512.Widen(Vector512.Load((float*)y + i)));
                both += a * c;
                both += b * d;
            }
            (even, odd) = (both.GetLower(), both.GetUpper());
        }
        for (; i < count; i += Vector256<T>.Count)
        {
            var (first, second) = Products(Load(x, i, count), Load(y, i, count));
            even += first;
            odd += second;
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>The products of two vectors in float64, in two vectors. The second one is 0 if the entries are float64 already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector256<double>, Vector256<double>) Products<T>(Vector256<T> left, Vector256<T> right) where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return (left.AsDouble() * right.AsDouble(), Vector256<double>.Zero);
        var ((a, b), (c, d)) = (Vector256.Widen(left.AsSingle()), Vector256.Widen(right.AsSingle()));
        return (a * c, b * d);
    }

    /// <summary>The squared distance of two rows, summed in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SquaredDistance<T>(T* x, T* y, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var sum = Vector256<double>.Zero;
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var difference = Load(x, i, count) - Load(y, i, count);
            sum += PartialSums(difference * difference);
        }
        return InRange(Vector256.Sum(sum), x, y, count);
    }

    /// <summary>A squared distance that was computed in float32; computed again in float64 if squares underflowed or overflowed.</summary>
    public static double InRange<T>(double square, T* x, T* y, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var hasItsDigits = square > double.CreateTruncating(LeastSquare<T>()) && square < double.CreateTruncating(LargestSquare<T>());
        return hasItsDigits || typeof(T) != typeof(float) || (square == 0 && x == y) ? square
            : SquaredDistanceInDouble((float*)x, (float*)y, count);
    }

    /// <summary>The squared distance of two rows; the differences and their squares are float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double SquaredDistanceInDouble(float* x, float* y, int count)
    {
        Vector256<double> even = default, odd = default;
        for (var i = 0; i < count; i += Vector256<float>.Count)
        {
            var ((a, b), (c, d)) = (Vector256.Widen(Load(x, i, count)), Vector256.Widen(Load(y, i, count)));
            even += (a - c) * (a - c);
            odd += (b - d) * (b - d);
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>Sums of squares below this may lose digits, because squares of T underflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LeastSquare<T>() where T : IBinaryFloatingPointIeee754<T> =>
        T.CreateTruncating(typeof(T) == typeof(float) ? 1e-30 : 1e-290);

    /// <summary>Sums of squares up to this have not overflowed in T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LargestSquare<T>() where T : IBinaryFloatingPointIeee754<T> =>
        T.CreateTruncating(typeof(T) == typeof(float) ? 1e36 : 1e300);

    /// <summary>Loads the mask of entries i, i + 1, ... of a row: one byte for each entry, 1 if it is kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong LoadMask<T>(byte* mask, int i, int count) where T : unmanaged =>
        count - i < Vector256<T>.Count ? LoadRest(mask + i, count - i)
            : Vector256<T>.Count == 8 ? *(ulong*)(mask + i) : *(uint*)(mask + i);

    /// <summary>Expands a loaded mask to a vector: all bits are set for a kept entry, and none for others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<T> ExpandMask<T>(ulong kept) where T : unmanaged
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

    /// <summary>Whether a comparison holds for all entries of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllTrue<T>(Vector256<T> compared) where T : unmanaged =>
        compared.ExtractMostSignificantBits() == (1u << Vector256<T>.Count) - 1;

    /// <summary>Four float64 numbers whose sum is the sum of a vector's entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<double> PartialSums<T>(Vector256<T> x) where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return x.AsDouble();
        var (low, high) = Vector256.Widen(x.AsSingle());
        return low + high;
    }

    /// <summary>The largest entry that is not NaN; −∞ if there is none.</summary>
    public static T Max<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var largest = T.NegativeInfinity;
        for (var k = 0; k < Vector256<T>.Count; k++)
            if (x.GetElement(k) > largest) largest = x.GetElement(k);
        return largest;
    }

    /// <summary>A mask of the first <paramref name="count"/> entries of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> FirstLanes<T>(int count) where T : unmanaged => typeof(T) == typeof(float)
        ? Vector256.LessThan(Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7), Vector256.Create(count)).As<int, T>()
        : Vector256.LessThan(Vector256.Create(0L, 1, 2, 3), Vector256.Create((long)count)).As<long, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> LoadFirst<T>(T* row, int count) where T : unmanaged => typeof(T) == typeof(float)
        ? Avx.MaskLoad((float*)row, FirstLanes<T>(count).AsSingle()).As<float, T>()
        : Avx.MaskLoad((double*)row, FirstLanes<T>(count).AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<T> LoadRest<T>(T* row, int count) where T : unmanaged
    {
        var rest = Vector256<T>.Zero;
        for (var k = 0; k < count; k++) rest = rest.WithElement(k, row[k]);
        return rest;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong LoadRest(byte* mask, int count)
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
