using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads the memory of tensors on the CPU.</summary>
internal static unsafe class TensorMemory
{
    /// <summary>Copies the entries of a tensor, which may be on any device.</summary>
    public static T[] Copy<T>(Tensor tensor) where T : unmanaged
    {
        if (tensor.numel() == 0) return [];
        using var scope = NewDisposeScope();
        return tensor.cpu().contiguous().data<T>().ToArray();
    }

    /// <summary>The tensor itself if it is contiguous, else a contiguous copy. The caller has a dispose scope open.</summary>
    public static Tensor Contiguous(Tensor tensor) => tensor.is_contiguous() ? tensor : tensor.contiguous();

    /// <summary>Copies int64 indices on the CPU and checks that each is in [0, <paramref name="count"/>).</summary>
    /// <exception cref="ArgumentException">An index is out of range; the message names the first.</exception>
    public static long[] Indices(Tensor indices, long count, [CallerArgumentExpression(nameof(indices))] string name = "")
    {
        if (indices.numel() > Array.MaxLength) throw new ArgumentException(
            FormattableString.Invariant($"{name} must have at most {Array.MaxLength:N0} indices, got {indices.numel():N0}."), name);
        using var scope = NewDisposeScope();
        var contiguous = Contiguous(indices);
        long[] values = [.. new ReadOnlySpan<long>(Of(contiguous), (int)contiguous.numel())];
        for (var i = 0; i < values.Length; i++)
            if ((ulong)values[i] >= (ulong)count)
                throw new ArgumentException(FormattableString.Invariant($"{name} must be in [0, {count}), got {values[i]} in row {i}."),
                    name);
        return values;
    }

    /// <summary>The address of the first entry of a contiguous tensor on the CPU, valid while the tensor lives; null for an empty
    /// tensor.</summary>
    public static byte* Of(Tensor tensor)
    {
        var count = tensor.numel();
        if (count == 0) return null;
        if (count <= int.MaxValue / sizeof(double)) return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
        using var flat = tensor.view(-1);
        using var first = flat.narrow(0, 0, 1);      // a span cannot hold 2 GB and more
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
