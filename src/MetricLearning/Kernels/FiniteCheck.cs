using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Whether numbers are finite, where looking costs no wait.</summary>
internal static unsafe class FiniteCheck
{
    private const int Piece = 1 << 16;

    /// <summary>Whether every number of a tensor is known to be finite: not on a device that would have to be waited for.</summary>
    public static bool IsKnown(Tensor x)
    {
        if (!SimdRows.Suit(x)) return false;
        using var scope = NewDisposeScope();
        var contiguous = TensorMemory.Contiguous(x);
        var first = TensorMemory.Of(contiguous);
        return x.dtype == ScalarType.Float32 ? Are((float*)first, contiguous.numel()) : Are((double*)first, contiguous.numel());
    }

    private static bool Are<T>(T* values, long count) where T : unmanaged
    {
        var finite = true;
        Threads.For((int)((count + Piece - 1) / Piece), piece =>
        {
            var (i, end) = ((long)piece * Piece, Math.Min(count, (piece + 1L) * Piece));
            Vector256<T> even = default, odd = default, rest = default;        // x − x is 0, and NaN where x is not finite
            for (; i <= end - 2 * Vector256<T>.Count; i += 2 * Vector256<T>.Count)
            {
                var (x, y) = (Vector256.Load(values + i), Vector256.Load(values + i + Vector256<T>.Count));
                even += x - x;
                odd += y - y;
            }
            for (; i < end; i++) rest += Vector256.CreateScalar(values[i]) - Vector256.CreateScalar(values[i]);
            if (!Vector256.EqualsAll(even + odd + rest, default)) finite = false;
        }, work: count);
        return finite;
    }
}
