using System.Globalization;
using System.IO.Compression;
using static TorchSharp.torch;

namespace MetricLearning;

public static partial class TorchCheckpointFile
{
    /// <summary>Writes tensors to a file as <c>torch.save(model.state_dict(), path)</c> does, atomically: whenever the program stops, the
    /// file is completely the old or completely the new one.</summary>
    /// <remarks>Python's <c>torch.load</c> reads the file, also with <c>weights_only</c>. Each tensor has a storage of its own, in order.
    /// Storages are not aligned to 64 bytes, unlike in files of PyTorch.</remarks>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="tensors">Names and tensors of any device and strides, such as <c>model.state_dict()</c>.</param>
    /// <exception cref="ArgumentException">A name occurs twice or has half of a surrogate pair, a tensor is null, disposed or sparse, a
    /// type has no counterpart in the format, or <see cref="Read(string, string)"/> would refuse the file: a tensor has more than 64
    /// dimensions, or tens of thousands of tensors are tiny.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var list = GivenTensors.Checked(tensors);
        var index = Index(list);
        RefuseUnreadable(list, index);
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            Add("data.pkl", entry => entry.Write(index));
            Add("byteorder", entry => entry.Write("little"u8));
            for (var i = 0; i < list.Count; i++)
            {
                var tensor = list[i].Value;
                Add($"data/{i}", entry => RawTensor.Write(entry, tensor));
            }
            Add("version", entry => entry.Write("3\n"u8));

            void Add(string name, Action<Stream> write)
            {
                using var entry = zip.CreateEntry("archive/" + name, CompressionLevel.NoCompression).Open();
                write(entry);
            }
        });
    }

    /// <summary>Refuses tensors whose file would ask the reader for more memory than its size explains.</summary>
    private static void RefuseUnreadable(List<KeyValuePair<string, Tensor>> tensors, byte[] index)
    {
        const int EntryBytes = 110;         // of each tensor in the archive, at least
        var length = index.Length + tensors.Sum(t => EntryBytes + t.Value.numel() * RawTensor.ElementSize(t.Value.dtype));
        var budget = new MemoryBudget(length);
        try
        {
            using var pickle = new MemoryStream(index, writable: false);
            _ = new CheckpointSections(new Pickle(pickle, budget) { PersistentLoad = SliceOf }.Load(), budget);
            budget.Spend((long)TensorCost * tensors.Count);
        }
        catch (InvalidDataException e)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"tensors must be fewer or larger to be read again, got {tensors.Count:N0} in a file of {length:N0} bytes: put the ")
                + "smallest together.", nameof(tensors), e);
        }
    }

    /// <summary>The pickle of an OrderedDict of tensors, in protocol 2.</summary>
    private static byte[] Index(List<KeyValuePair<string, Tensor>> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        using var bytes = new MemoryStream();
        var pickle = new PickleWriter(bytes);
        pickle.OrderedDict();
        pickle.Code('(');
        for (var i = 0; i < tensors.Count; i++)
        {
            var (name, tensor) = tensors[i];
            if (!names.Add(name)) throw new ArgumentException($"tensors must have different names, got '{name}' twice.", nameof(tensors));
            var type = StorageType.All.FirstOrDefault(storage => storage.Type == tensor.dtype
                && RawTensor.ElementSize(tensor.dtype) > 0)?.Name
                ?? throw new ArgumentException(
                    $"tensors must be of a type that the format has, got {tensor.dtype} for '{name}'.", nameof(tensors));
            pickle.Text(name);
            AddTensor(pickle, tensor, type, storage: i);
        }
        pickle.Code('u', '.');
        return bytes.ToArray();
    }

    /// <summary>The call that rebuilds a tensor from the whole of its own storage.</summary>
    private static void AddTensor(PickleWriter pickle, Tensor tensor, string type, int storage)
    {
        pickle.Global("torch._utils", "_rebuild_tensor_v2");
        pickle.Code('(', '(');
        pickle.Text("storage");
        pickle.Global("torch", type);
        pickle.Text(storage.ToString(CultureInfo.InvariantCulture));
        pickle.Text("cpu");
        pickle.Integer(tensor.numel());
        pickle.Code('t', 'Q');
        pickle.Integer(0);              // the offset
        pickle.Tuple(tensor.shape);
        pickle.Tuple(Strides(tensor.shape));
        pickle.False();                 // no gradient
        pickle.OrderedDict();           // no hooks
        pickle.Code('t', 'R');
    }

    private static long[] Strides(long[] shape)
    {
        var strides = new long[shape.Length];
        for (var (i, stride) = (shape.Length - 1, 1L); i >= 0; stride *= Math.Max(1, shape[i--])) strides[i] = stride;
        return strides;
    }
}
