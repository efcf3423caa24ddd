using System.Numerics;
using System.Runtime.Intrinsics;

namespace MetricLearning;

/// <summary>Walks a row and its mask in vectors; what lies past the end of the row is 0, and kept by no mask.</summary>
internal static unsafe class Lanes
{
    /// <summary>Numbers i, i + 1, ... of a row.</summary>
    public static Vector256<T> Load<T>(T* row, int i, int count) where T : unmanaged
    {
        if (count - i >= Vector256<T>.Count) return Vector256.Load(row + i);
        var rest = stackalloc T[Vector256<T>.Count];
        new Span<T>(rest, Vector256<T>.Count).Clear();
        new Span<T>(row + i, count - i).CopyTo(new(rest, count - i));
        return Vector256.Load(rest);
    }

    /// <summary>Adds to numbers i, i + 1, ... of a row.</summary>
    public static void Add<T>(T* row, int i, int count, Vector256<T> values) where T : unmanaged
    {
        var sums = Load(row, i, count) + values;
        if (count - i >= Vector256<T>.Count) sums.Store(row + i);
        else for (var k = i; k < count; k++) row[k] = sums.GetElement(k - i);
    }

    /// <summary>The mask of numbers i, i + 1, ... of a row: a byte for each, 1 where it is kept.</summary>
    public static ulong Kept<T>(byte* mask, int i, int count) where T : unmanaged
    {
        var lanes = Vector256<T>.Count;
        if (count - i >= lanes) return lanes == 8 ? *(ulong*)(mask + i) : *(uint*)(mask + i);
        var kept = 0UL;
        for (var k = i; k < count; k++) kept |= (ulong)mask[k] << 8 * (k - i);
        return kept;
    }

    /// <summary>All bits of a number that is kept, none of others.</summary>
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

    /// <summary>The sum of a vector's numbers in float64, four at a time.</summary>
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
}
