using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>The memory of one batch, with a slot for each image, which the workers fill. The consumer's thread makes, finishes and frees
/// it.</summary>
internal sealed class BatchBuilder : IDisposable
{
    private readonly Device device;
    private readonly Tensor images;
    private readonly nint memory;
    private readonly int bytes;
    private readonly ImageTransform? batchSteps;
    private readonly SeededRandom[] random;
    private readonly CountdownEvent open;
    private readonly SlotError?[] errors;

    /// <param name="indices">The positions of the images in the list.</param>
    /// <param name="end">The number of indices of the epoch that are handed out up to the end of this batch.</param>
    /// <param name="transform">The steps that the images go through.</param>
    /// <param name="onBatches">Whether <see cref="Finish"/> runs the last steps on the whole batch.</param>
    /// <param name="device">The device that the batch goes to.</param>
    public BatchBuilder(int[] indices, int end, ImageTransform transform, bool onBatches, Device device)
    {
        (Indices, End, this.device, batchSteps) = (indices, end, device, onBatches ? transform : null);
        errors = new SlotError?[indices.Length];
        random = new SeededRandom[indices.Length];
        open = new CountdownEvent(indices.Length);
        var (height, width) = transform.BatchInput;
        bytes = onBatches ? 3 * height * width : sizeof(float) * transform.Values;
        images = onBatches ? Memory([indices.Length, 3, height, width], ScalarType.Byte)
            : Memory([indices.Length, transform.Channels, transform.Height, transform.Width], ScalarType.Float32);
        unsafe
        {
            memory = (nint)TensorMemory.Of(images);
        }
    }

    /// <summary>The positions of the images in the list.</summary>
    public int[] Indices { get; }

    /// <summary>The number of indices of the epoch that are handed out up to the end of this batch.</summary>
    public int End { get; }

    /// <summary>Puts an image into its slot.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="transform">The steps that the image goes through.</param>
    /// <param name="picture">The image after the fixed steps.</param>
    /// <param name="own">The image's random numbers.</param>
    public void Fill(int slot, ImageTransform transform, Picture picture, SeededRandom own)
    {
        random[slot] = own;
        if (batchSteps is null) transform.ApplyRest(picture, MemoryMarshal.Cast<byte, float>(Slot(slot)), own);
        else transform.ApplySingle(picture, Slot(slot), own);
    }

    /// <summary>Records that the image is in its slot, or why it is not.</summary>
    public void Done(int slot, SlotError? error)
    {
        errors[slot] = error;
        open.Signal();
    }

    public void Wait(CancellationToken cancellationToken) => open.Wait(cancellationToken);

    /// <summary>The errors of images that are not in their slots, in the order of the batch.</summary>
    public IEnumerable<(int Index, SlotError Error)> Errors =>
        from slot in Enumerable.Range(0, Indices.Length)
        where errors[slot] is not null
        select (Indices[slot], errors[slot]!.Value);

    /// <summary>Makes a batch of the images that are in their slots; null if there are none. Frees this builder.</summary>
    public ImageBatch? Finish(Func<int, long> labelOf)
    {
        using (this)
        {
            var good = Enumerable.Range(0, Indices.Length).Where(slot => errors[slot] is null).Select(slot => (long)slot).ToArray();
            if (good.Length == 0) return null;
            using var scope = NewDisposeScope();
            var indices = good.Select(slot => Indices[slot]).ToArray();
            var kept = good.Length == Indices.Length ? images.alias() : images.index_select(0, tensor(good));
            var classes = tensor(indices.Select(labelOf).ToArray(), ScalarType.Int64);
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

    /// <summary>Allocates the memory of a batch. It is pinned if the batch goes to a GPU, so that the copy overlaps other work. libtorch
    /// reuses freed pinned memory only after the copies from it have finished.</summary>
    private Tensor Memory(long[] shape, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var memory = empty(shape, type);
        return (device.type == DeviceType.CUDA ? memory.pin_memory() : memory).DetachFromDisposeScope();
    }

    private Tensor ToDevice(Tensor tensor) => tensor.to(device, non_blocking: true);

    /// <summary>The memory of one image.</summary>
    private unsafe Span<byte> Slot(int slot) => new((byte*)memory + (long)slot * bytes, bytes);
}
