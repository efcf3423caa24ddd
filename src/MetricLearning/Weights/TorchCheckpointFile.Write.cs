using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

public static partial class TorchCheckpointFile
{
    /// <summary>Writes tensors to a file as <c>torch.save(model.state_dict(), path)</c> does, atomically: whenever the program stops, the
    /// file is wholly the old or wholly the new one.</summary>
    /// <remarks>Python's <c>torch.load</c> reads it, with <c>weights_only</c> too. Each tensor has a storage of its own, in order; storages
    /// are not aligned to 64 bytes as PyTorch aligns them.</remarks>
    /// <param name="path">The file, replaced if it is there.</param>
    /// <param name="tensors">Names and tensors of any device and strides, such as <c>model.state_dict()</c>.</param>
    /// <exception cref="ArgumentException">A name comes twice, or a type has no counterpart in the format.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var list = tensors.ToList();
        var index = Index(list);
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

    /// <summary>The pickle of an OrderedDict of tensors, in protocol 2.</summary>
    private static byte[] Index(List<KeyValuePair<string, Tensor>> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        using var pickle = new MemoryStream();
        pickle.Write([0x80, 2]);
        OrderedDict();
        Code('(');
        for (var i = 0; i < tensors.Count; i++)
        {
            var (name, tensor) = tensors[i];
            if (!names.Add(name)) throw new ArgumentException($"tensors must have names that differ, got '{name}' twice.", nameof(tensors));
            var type = storageTypes.FirstOrDefault(storage => storage.Type == tensor.dtype).Name
                ?? throw new ArgumentException(
                    $"tensors must be of a type that the format has, got {tensor.dtype} for '{name}'.", nameof(tensors));
            Text(name);
            Global("torch._utils", "_rebuild_tensor_v2");
            Code('(');
            Code('(');
            Text("storage");
            Global("torch", type);
            Text(i.ToString(System.Globalization.CultureInfo.InvariantCulture));
            Text("cpu");
            Integer(tensor.numel());
            Code('t', 'Q');
            Integer(0);
            Tuple(tensor.shape);
            Tuple(Strides(tensor.shape));
            pickle.WriteByte(0x89);         // no gradient
            OrderedDict();                  // no hooks
            Code('t', 'R');
        }
        Code('u', '.');
        return pickle.ToArray();

        void Code(params ReadOnlySpan<char> codes)
        {
            foreach (var code in codes) pickle.WriteByte((byte)code);
        }

        void Global(string module, string name) => pickle.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

        void OrderedDict()
        {
            Global("collections", "OrderedDict");
            Code(')', 'R');
        }

        void Text(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            Code('X');
            pickle.Write(length);
            pickle.Write(bytes);
        }

        void Integer(long value)
        {
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            if (value <= int.MaxValue)
            {
                Code('J');
                pickle.Write(bytes[..4]);
            }
            else
            {
                pickle.Write([0x8a, 8]);
                pickle.Write(bytes);
            }
        }

        void Tuple(long[] values)
        {
            Code('(');
            foreach (var value in values) Integer(value);
            Code('t');
        }
    }

    private static long[] Strides(long[] shape)
    {
        var strides = new long[shape.Length];
        for (var (i, stride) = (shape.Length - 1, 1L); i >= 0; stride *= Math.Max(1, shape[i--])) strides[i] = stride;
        return strides;
    }
}
