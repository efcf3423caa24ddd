using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Checks whether all entries of a tensor are finite, if the check does not have to wait for a device.</summary>
internal static unsafe class FiniteCheck
{
    private const int EntriesPerTask = 1 << 16;

    /// <summary>Whether every entry is known to be finite. False for a tensor that is not float32 or float64 on the CPU.</summary>
    public static bool IsKnown(Tensor x)
    {
        if (!SimdRows.Supports(x)) return false;
        using var scope = NewDisposeScope();
        var contiguous = TensorMemory.Contiguous(x);
        var first = TensorMemory.Of(contiguous);
        return x.dtype == ScalarType.Float32 ? AllFinite((float*)first, contiguous.numel())
            : AllFinite((double*)first, contiguous.numel());
    }

    private static bool AllFinite<T>(T* values, long count) where T : unmanaged
    {
        var finite = true;
        Threads.For((int)((count + EntriesPerTask - 1) / EntriesPerTask), [MethodImpl(MethodImplOptions.AggressiveOptimization)] (task) =>
        {
            var (i, end) = ((long)task * EntriesPerTask, Math.Min(count, (task + 1L) * EntriesPerTask));
            Vector256<T> even = default, odd = default, rest = default;        // sums of x − x: 0, or NaN if x is not finite
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
