using System.Buffers.Binary;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace MetricLearning.Tests;

/// <summary>Writes small valid or invalid files as torch.save does, instruction by instruction.</summary>
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

    /// <summary>Starts to fill the dictionary on top of the stack.</summary>
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

    /// <summary>Puts a tensor on the stack, a view of a storage.</summary>
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

    /// <summary>Calls a Python function or class with the arguments that <paramref name="arguments"/> puts on the stack.</summary>
    public TorchFileBuilder Call(string module, string name, Func<TorchFileBuilder, TorchFileBuilder>? arguments = null)
    {
        Global(module, name).Raw((byte)'(');
        arguments?.Invoke(this);
        return Raw((byte)'t', (byte)'R');
    }

    /// <summary>Creates an object of a class without a call, with the attributes that <paramref name="attributes"/> sets.</summary>
    public TorchFileBuilder Object(string module, string name, Func<TorchFileBuilder, TorchFileBuilder> attributes)
    {
        Global(module, name).Raw((byte)')', 0x81);
        return Dictionary(attributes).Raw((byte)'b');
    }

    /// <summary>Adds the values that <paramref name="put"/> puts on the stack.</summary>
    public TorchFileBuilder Apply(Func<TorchFileBuilder, TorchFileBuilder> put) => put(this);

    /// <summary>Creates a plain dictionary of the keys and values that <paramref name="entries"/> puts on the stack.</summary>
    public TorchFileBuilder Dictionary(Func<TorchFileBuilder, TorchFileBuilder> entries) =>
        entries(Raw((byte)'}', (byte)'(')).Raw((byte)'u');

    /// <summary>The form before PyTorch 0.1.11: a tar archive of storages, tensors and the object that was built. The object refers to
    /// tensors by <see cref="Reference"/>.</summary>
    /// <param name="tensors">Key, key of the storage, shape, strides and offset of each tensor.</param>
    /// <param name="views">Key, key of the storage, offset and count of each part of a storage.</param>
    public byte[] Tar((long Key, long Storage, long[] Shape, long[] Strides, long Offset)[] tensors,
        (long Key, long Root, long Offset, long Count)[]? views = null)
    {
        var stored = new MemoryStream();
        stored.Write(new TorchFileBuilder().Int(storages.Count).Finished);
        foreach (var (key, bytes, count) in storages)
        {
            stored.Write(new TorchFileBuilder().Raw((byte)'(').Int(long.Parse(key, CultureInfo.InvariantCulture)).Text("cpu")
                .Global("torch", "FloatStorage").Raw((byte)'t').Finished);
            stored.Write(BitConverter.GetBytes(count));
            stored.Write(bytes);
        }
        var parts = new TorchFileBuilder().Raw((byte)']', (byte)'(');
        foreach (var (key, root, offset, count) in views ?? []) parts.Tuple(key, root, offset, count);
        stored.Write(parts.Raw((byte)'e').Finished);

        var listed = new MemoryStream();
        listed.Write(new TorchFileBuilder().Int(tensors.Length).Finished);
        foreach (var (key, storage, shape, strides, offset) in tensors)
        {
            listed.Write(new TorchFileBuilder().Raw((byte)'(').Int(key).Int(storage).Global("torch", "FloatTensor")
                .Raw((byte)'t').Finished);
            foreach (var number in (long[])[shape.Length, .. shape, .. strides, offset]) listed.Write(BitConverter.GetBytes(number));
        }
        var output = new MemoryStream();
        using (var tar = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true))
            foreach (var (name, bytes) in new[] { ("sys_info", new TorchFileBuilder().Int(1).Finished), ("storages", stored.ToArray()),
                ("tensors", listed.ToArray()), ("pickle", Finished) })
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) });
        return output.ToArray();
    }

    /// <summary>Refers to a tensor by its persistent id, as in a tar archive.</summary>
    public TorchFileBuilder Reference(long key) => Text(key.ToString(CultureInfo.InvariantCulture)).Raw((byte)'Q');

    public byte[] Finished => [.. pickle, (byte)'.'];

    public byte[] Archive(CompressionLevel level = CompressionLevel.NoCompression,
        params (string Name, byte[] Bytes, CompressionLevel Level)[] more)
    {
        var output = new MemoryStream();
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("archive/data.pkl", [.. pickle, (byte)'.']);
            Add("archive/byteorder", "little"u8.ToArray());
            foreach (var (key, bytes, _) in storages) Add($"archive/data/{key}", bytes);
            foreach (var (name, bytes, ownLevel) in more) AddAs(name, bytes, ownLevel);

            void Add(string name, byte[] bytes) => AddAs(name, bytes, level);

            void AddAs(string name, byte[] bytes, CompressionLevel how)
            {
                using var stream = zip.CreateEntry(name, how).Open();
                stream.Write(bytes);
            }
        }
        return output.ToArray();
    }

    /// <summary>The form before PyTorch 1.6.</summary>
    public byte[] Legacy()
    {
        var output = new MemoryStream();
        output.Write([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.']);
        output.Write([0x80, 2, (byte)'M', 0xe9, 0x03, (byte)'.']);
        var machine = new TorchFileBuilder().Raw((byte)'}').Begin().Text("little_endian").Raw(0x88).End();
        output.Write([.. machine.pickle, (byte)'.', .. pickle, (byte)'.']);
        var keys = new TorchFileBuilder().Raw((byte)']', (byte)'(');
        // torch.save lists only the storages that are used.
        var used = storages.Where(storage => pickle.ToArray().AsSpan().IndexOf(new TorchFileBuilder().Text(storage.Key).pickle.ToArray()
            .AsSpan(2)) >= 0).ToList();
        foreach (var (key, _, _) in used) keys.Text(key);
        output.Write([.. keys.pickle, (byte)'e', (byte)'.']);
        foreach (var (_, bytes, count) in used)
        {
            output.Write(BitConverter.GetBytes(count));
            output.Write(bytes);
        }
        return output.ToArray();
    }
}
