using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A batch that workers are writing. Made, finished and freed on the consumer's thread; workers only see its memory.</summary>
internal sealed class PendingBatch : IDisposable
{
    private readonly Device device;
    private readonly Tensor images;
    private readonly nint memory;
    private readonly int values;
    private readonly CountdownEvent open;
    private readonly Exception?[] errors;

    public PendingBatch(int[] indices, int end, int height, int width, Device device)
    {
        (Indices, End, values, this.device) = (indices, end, 3 * height * width, device);
        errors = new Exception?[indices.Length];
        open = new CountdownEvent(indices.Length);
        images = Memory([indices.Length, 3, height, width]);
        memory = Address(images);
    }

    /// <summary>The pictures' places in the list.</summary>
    public int[] Indices { get; }

    /// <summary>How many indices of the epoch are handed out with this batch.</summary>
    public int End { get; }

    /// <summary>The memory of one picture.</summary>
    public unsafe Span<float> Slot(int slot) => new((float*)memory + (long)slot * values, values);

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
            return new(ToDevice(kept), ToDevice(classes), indices);
        }
    }

    public void Dispose()
    {
        images.Dispose();
        open.Dispose();
    }

    /// <summary>Memory of a batch; pinned where it goes to a GPU, so that the copy runs beside other work. libtorch gives freed pinned memory
    /// out again only when the copies from it are done.</summary>
    private Tensor Memory(long[] shape)
    {
        using var scope = NewDisposeScope();
        var memory = empty(shape);
        return (device.type == DeviceType.CUDA ? memory.pin_memory() : memory).DetachFromDisposeScope();
    }

    private Tensor ToDevice(Tensor tensor) => tensor.to(device, non_blocking: true).DetachFromDisposeScope();

    private static unsafe nint Address(Tensor tensor)
    {
        fixed (byte* first = tensor.bytes) return (nint)first;
    }
}
