using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The address of a tensor's memory.</summary>
internal static unsafe class NativeMemory
{
    /// <summary>The first byte of a contiguous tensor on the CPU; valid as long as the tensor lives. Null for an empty one.</summary>
    public static byte* Of(Tensor tensor)
    {
        if (tensor.numel() == 0) return null;
        using var first = tensor.view(-1).narrow(0, 0, 1);      // a span cannot hold 2 GB and more
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
