using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch that workers are writing. Made, finished and freed on the consumer's thread; workers only see its memory.</summary>
internal sealed class PendingBatch : IDisposable
{
    private readonly Device device;
    private readonly Tensor images;
    private readonly nint memory;
    private readonly int bytes;
    private readonly ImageTransform? batchSteps;
    private readonly SeededRandom[] random;
    private readonly CountdownEvent open;
    private readonly Exception?[] errors;

    /// <param name="indices">The pictures' places in the list.</param>
    /// <param name="end">How many indices of the epoch are handed out with this batch.</param>
    /// <param name="transform">What the pictures go through.</param>
    /// <param name="onBatches">Whether its last steps are left to <see cref="Finish"/>.</param>
    /// <param name="device">Where the batch goes.</param>
    public PendingBatch(int[] indices, int end, ImageTransform transform, bool onBatches, Device device)
    {
        (Indices, End, this.device, batchSteps) = (indices, end, device, onBatches ? transform : null);
        errors = new Exception?[indices.Length];
        random = new SeededRandom[indices.Length];
        open = new CountdownEvent(indices.Length);
        var (height, width) = transform.BatchInput;
        bytes = onBatches ? 3 * height * width : sizeof(float) * transform.Values;
        images = onBatches ? Memory([indices.Length, 3, height, width], ScalarType.Byte)
            : Memory([indices.Length, transform.Channels, transform.Height, transform.Width], ScalarType.Float32);
        memory = Address(images);
    }

    /// <summary>The pictures' places in the list.</summary>
    public int[] Indices { get; }

    /// <summary>How many indices of the epoch are handed out with this batch.</summary>
    public int End { get; }

    /// <summary>Puts a picture into its slot.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="transform">What the picture goes through.</param>
    /// <param name="picture">The picture after the fixed steps.</param>
    /// <param name="own">The picture's random numbers.</param>
    public void Fill(int slot, ImageTransform transform, Picture picture, SeededRandom own)
    {
        random[slot] = own;
        if (batchSteps is null) transform.ApplyRest(picture, MemoryMarshal.Cast<byte, float>(Slot(slot)), own);
        else transform.ApplySingle(picture, Slot(slot), own);
    }

    /// <summary>Says that a picture is in its slot, or why it is not.</summary>
    public void Done(int slot, Exception? error)
    {
        errors[slot] = error;
        open.Signal();
    }

    public void Wait(CancellationToken cancel) => open.Wait(cancel);

    /// <summary>Why pictures are missing, in the order of the batch.</summary>
    public IEnumerable<(int Index, Exception Error)> Errors =>
        errors.Select((error, slot) => (Indices[slot], error!)).Where(pair => pair.Item2 is not null);

    /// <summary>The pictures that could be read, as a batch; null where there are none. Frees this one.</summary>
    public ImageBatch? Finish(IReadOnlyList<long> labels)
    {
        using (this)
        {
            var good = Enumerable.Range(0, Indices.Length).Where(slot => errors[slot] is null).Select(slot => (long)slot).ToArray();
            if (good.Length == 0) return null;
            using var scope = NewDisposeScope();
            var indices = good.Select(slot => Indices[slot]).ToArray();
            var kept = good.Length == Indices.Length ? images.alias() : images.index_select(0, tensor(good));
            var classes = tensor(indices.Select(index => labels[index]).ToArray(), ScalarType.Int64);
            var ready = ToDevice(kept);
            if (batchSteps is not null) ready = batchSteps.ApplyToBatch(ready, [.. good.Select(slot => random[slot])]);
            return new(ready.DetachFromDisposeScope(), ToDevice(classes).DetachFromDisposeScope(), indices);
        }
    }

    public void Dispose()
    {
        images.Dispose();
        open.Dispose();
    }

    /// <summary>Memory of a batch; pinned where it goes to a GPU, so that the copy runs beside other work. libtorch gives freed pinned
    /// memory out again only when the copies from it are done.</summary>
    private Tensor Memory(long[] shape, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var memory = empty(shape, type);
        return (device.type == DeviceType.CUDA ? memory.pin_memory() : memory).DetachFromDisposeScope();
    }

    private Tensor ToDevice(Tensor tensor) => tensor.to(device, non_blocking: true);

    /// <summary>The memory of one picture.</summary>
    private unsafe Span<byte> Slot(int slot) => new((byte*)memory + (long)slot * bytes, bytes);

    private static unsafe nint Address(Tensor tensor)
    {
        fixed (byte* first = tensor.bytes) return (nint)first;
    }
}
