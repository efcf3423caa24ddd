using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MetricLearning.Tests;

/// <summary>Writes small files as torch.save does, right or wrong ones, instruction by instruction.</summary>
internal sealed class TorchFileBuilder
{
    private readonly List<byte> pickle = [];
    private readonly List<(string Key, byte[] Bytes, long Count)> storages = [];

    public TorchFileBuilder() => Raw(0x80, 2);

    public TorchFileBuilder Raw(params byte[] bytes)
    {
        pickle.AddRange(bytes);
        return this;
    }

    public TorchFileBuilder Global(string module, string name) => Raw(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    public TorchFileBuilder OrderedDict() => Global("collections", "OrderedDict").Raw((byte)')', (byte)'R');

    /// <summary>Starts to fill the dictionary on top.</summary>
    public TorchFileBuilder Begin() => Raw((byte)'(');

    /// <summary>Ends filling the dictionary.</summary>
    public TorchFileBuilder End() => Raw((byte)'u');

    public TorchFileBuilder Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Raw((byte)'X').Raw(length).Raw(bytes);
    }

    public TorchFileBuilder Int(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8a, 8).Raw(bytes);
    }

    public TorchFileBuilder Tuple(params long[] values)
    {
        Raw((byte)'(');
        foreach (var value in values) Int(value);
        return Raw((byte)'t');
    }

    public TorchFileBuilder Storage(string key, byte[] bytes, long count)
    {
        storages.Add((key, bytes, count));
        return this;
    }

    public TorchFileBuilder Floats(string key, params float[] values) =>
        Storage(key, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray(), values.Length);

    /// <summary>A tensor on the stack, a view of a storage.</summary>
    public TorchFileBuilder Tensor(string key, long count, long[] shape, long[] strides, long offset = 0, string type = "FloatStorage",
        bool legacy = false)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Raw((byte)'(');
        Raw((byte)'(').Text("storage").Global("torch", type).Text(key).Text("cpu").Int(count);
        if (legacy) Raw((byte)'N');
        Raw((byte)'t', (byte)'Q').Int(offset).Tuple(shape).Tuple(strides).Raw(0x89).OrderedDict();
        return Raw((byte)'t', (byte)'R');
    }

    /// <summary>Takes a finished pickle, without its last instruction, in place of what was built.</summary>
    public TorchFileBuilder Pickle(byte[] bytes)
    {
        pickle.Clear();
        return Raw(bytes);
    }

    public byte[] Archive(CompressionLevel level = CompressionLevel.NoCompression)
    {
        var output = new MemoryStream();
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("archive/data.pkl", [.. pickle, (byte)'.']);
            Add("archive/byteorder", "little"u8.ToArray());
            foreach (var (key, bytes, _) in storages) Add($"archive/data/{key}", bytes);

            void Add(string name, byte[] bytes)
            {
                using var stream = zip.CreateEntry(name, level).Open();
                stream.Write(bytes);
            }
        }
        return output.ToArray();
    }

    public byte[] Legacy()
    {
        var output = new MemoryStream();
        output.Write([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.']);
        output.Write([0x80, 2, (byte)'M', 0xe9, 0x03, (byte)'.']);
        var machine = new TorchFileBuilder().Raw((byte)'}').Begin().Text("little_endian").Raw(0x88).End();
        output.Write([.. machine.pickle, (byte)'.', .. pickle, (byte)'.']);
        var keys = new TorchFileBuilder().Raw((byte)']', (byte)'(');
        foreach (var (key, _, _) in storages) keys.Text(key);
        output.Write([.. keys.pickle, (byte)'e', (byte)'.']);
        foreach (var (_, bytes, count) in storages)
        {
            output.Write(BitConverter.GetBytes(count));
            output.Write(bytes);
        }
        return output.ToArray();
    }
}
