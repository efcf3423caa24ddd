using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The address of a tensor's memory.</summary>
internal static unsafe class NativeMemory
{
    /// <summary>A copy of a tensor's numbers, from any device.</summary>
    public static T[] Copy<T>(Tensor tensor) where T : unmanaged
    {
        if (tensor.numel() == 0) return [];
        using var scope = NewDisposeScope();
        return tensor.cpu().contiguous().data<T>().ToArray();
    }

    /// <summary>The first byte of a contiguous tensor on the CPU; valid as long as the tensor lives. Null for an empty one.</summary>
    public static byte* Of(Tensor tensor)
    {
        var count = tensor.numel();
        if (count == 0) return null;
        if (count * tensor.element_size() <= int.MaxValue) return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes));
        using var flat = tensor.view(-1);
        using var first = flat.narrow(0, 0, 1);      // a span cannot hold 2 GB and more
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
