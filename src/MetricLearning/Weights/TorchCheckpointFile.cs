using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Reads the tensors of a PyTorch <c>.pth</c> or <c>.pt</c> file, in its present form (a zip archive) and in the form before PyTorch 1.6;
/// writes the present form.
/// </summary>
/// <remarks>
/// <para>Nothing in the file is executed. A small interpreter reads its pickle as data; it knows dictionaries, lists, numbers, text and
/// tensors, and refuses any other name with an error that says which. Storages, offsets, sizes and strides are checked against the file
/// before memory is allocated, and the checksums of a zip archive that has them are compared.</para>
/// <para>The tensors are those of one dictionary: the one that <c>section</c> names (dotted, such as <c>state_dict</c>). Without a section
/// it is the file's outermost dictionary if that contains tensors; otherwise the first of <c>state_dict</c>, <c>model_state_dict</c>,
/// <c>model</c>, <c>net</c>, <c>weights</c> that is a dictionary with tensors; otherwise the only dictionary with tensors directly in the
/// outermost one. Values that are not tensors (an epoch, a rate) are left out.</para>
/// <para>Thread safety: any number of threads may read and write at once, each its own stream and its own file to write.</para>
/// </remarks>
public static partial class TorchCheckpointFile
{
    private const string LegacyMagicNumber = "119547037146038801333356";
    private const int LegacyProtocol = 1001;

    private static readonly string[] commonSections = ["state_dict", "model_state_dict", "model", "net", "weights"];

    private static readonly (string Name, ScalarType Type)[] storageTypes =
    [
        ("DoubleStorage", ScalarType.Float64), ("FloatStorage", ScalarType.Float32), ("HalfStorage", ScalarType.Float16),
        ("BFloat16Storage", ScalarType.BFloat16),
        ("LongStorage", ScalarType.Int64), ("IntStorage", ScalarType.Int32), ("ShortStorage", ScalarType.Int16),
        ("CharStorage", ScalarType.Int8),
        ("ByteStorage", ScalarType.Byte), ("BoolStorage", ScalarType.Bool),
    ];

    private sealed record Storage(string Key, ScalarType Type, long Count);

    private sealed record StoredTensor(Storage Storage, long Offset, long[] Shape, long[] Strides);

    /// <summary>The tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="section">The dictionary of the checkpoint that holds the tensors; null for the rule above.</param>
    /// <returns>The tensors by name, on the CPU, in the file's order. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, holds something other than tensors and plain data, or has no such
    /// section; the message names the file and says why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, string? section = null) => InputFile.Read(path, stream => Read(stream, section));

    /// <summary>The tensors of a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="section">The dictionary of the checkpoint that holds the tensors; null for the rule above.</param>
    /// <returns>The tensors by name, on the CPU, in the file's order. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The bytes are damaged, hold something other than tensors and plain data, or have no such
    /// section.</exception>
    public static NamedTensors Read(Stream stream, string? section = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Position = 0;
        Span<byte> start = stackalloc byte[4];
        var read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stream.Position = 0;
        if (read == 4 && start.SequenceEqual("PK\u0003\u0004"u8)) return ReadArchive(stream, section);
        if (read >= 2 && start[0] == 0x80) return ReadLegacy(stream, section);
        throw Invalid("it is neither a zip archive nor a pickle");
    }

    private static NamedTensors ReadArchive(Stream stream, string? section)
    {
        try
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            var index = zip.Entries.FirstOrDefault(entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal)
                && entry.FullName.Count(c => c == '/') == 1)
                ?? throw Invalid("the archive has no data.pkl (a TorchScript archive is not read)");
            // In a malicious archive entries may overlap; then together they are longer than the file.
            if (zip.Entries.Aggregate((Int128)0, (sum, entry) => sum + entry.Length) > stream.Length)
                throw Invalid("its entries are longer than the file together");
            var folder = index.FullName[..^"data.pkl".Length];
            if (zip.GetEntry(folder + "byteorder") is { } order && Contents(order, stream.Length) is var text
                && !text.AsSpan().SequenceEqual("little"u8))
                throw Invalid("it was written on a big-endian machine");
            using var pickle = new MemoryStream(Contents(index, stream.Length), writable: false);
            var tensors = Select(Load(pickle), section);
            return Materialize(tensors, storage =>
            {
                var entry = zip.GetEntry($"{folder}data/{storage.Key}") ?? throw Invalid($"storage {storage.Key} is not in the archive");
                Expect(storage, entry.Length);
                using var contents = new MemoryStream(Contents(entry, stream.Length), writable: false);
                return RawTensor.Read(contents, storage.Count, storage.Type);
            });
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException or OverflowException)
        {
            throw new InvalidDataException($"Not a valid PyTorch file: {e.Message}", e);
        }
    }

    // The form before PyTorch 1.6: five pickles (a magic number, a version, the machine, the object, the storages' keys), then the count
    // and the bytes of each storage.
    private static NamedTensors ReadLegacy(Stream stream, string? section)
    {
        if (Load(stream) is not BigInteger magic || magic.ToString(CultureInfo.InvariantCulture) != LegacyMagicNumber)
            throw Invalid("it is a pickle, but not one of torch.save");
        if (Load(stream) is not long version || version != LegacyProtocol) throw Invalid($"its version is not {LegacyProtocol}");
        if (Load(stream) is not Pickle.Dictionary machine || machine["little_endian"] is not true) throw Invalid(
            "it was not written on a little-endian machine");
        var storages = new Dictionary<string, Storage>(StringComparer.Ordinal);
        var content = Load(stream, storages);
        if (Load(stream) is not List<object?> keys) throw Invalid("it has no list of storages");
        var places = new Dictionary<string, long>(StringComparer.Ordinal);
        Span<byte> length = stackalloc byte[8];
        foreach (var key in keys)
        {
            if (key is not string name || !storages.TryGetValue(name, out var storage)
                || places.ContainsKey(name)) throw Invalid($"it lists a storage {key} that nothing uses, or twice");
            if (stream.Length - stream.Position < 8) throw Invalid($"it ends before storage {name}");
            stream.ReadExactly(length);
            if (BinaryPrimitives.ReadInt64LittleEndian(length) is var count && count != storage.Count)
                throw Invalid($"storage {name} has {count} elements, but its tensors say {storage.Count}");
            var bytes = storage.Count * RawTensor.ElementSize(storage.Type);
            if (bytes > stream.Length - stream.Position) throw Invalid($"it ends within storage {name}");
            places.Add(name, stream.Position);
            stream.Position += bytes;
        }
        return Materialize(Select(content, section), storage =>
        {
            if (!places.TryGetValue(storage.Key, out var place)) throw Invalid($"storage {storage.Key} is not in the file");
            stream.Position = place;
            return RawTensor.Read(stream, storage.Count, storage.Type);
        });
    }

    /// <summary>Reads each storage once, and makes each tensor as a view of its storage.</summary>
    private static NamedTensors Materialize(List<(string Name, StoredTensor Tensor)> tensors, Func<Storage, Tensor> read)
    {
        var storages = new Dictionary<string, (Storage Storage, Tensor Memory)>(StringComparer.Ordinal);
        var result = new NamedTensors();
        try
        {
            foreach (var (name, tensor) in tensors)
            {
                if (!storages.TryGetValue(tensor.Storage.Key, out var storage))
                {
                    storage = (tensor.Storage, read(tensor.Storage));
                    storages.Add(tensor.Storage.Key, storage);
                }
                if (storage.Storage != tensor.Storage) throw Invalid($"storage {tensor.Storage.Key} is described in two ways");
                result.TryAdd(name, storage.Memory.as_strided(tensor.Shape, tensor.Strides, tensor.Offset));
            }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
        finally
        {
            foreach (var (_, memory) in storages.Values) memory.Dispose();
        }
    }

    private static object? Load(Stream stream, Dictionary<string, Storage>? storages = null) => new Pickle(stream)
    {
        Allowed = global => TypeOf(global) is not null || (global.Module, global.Name) is
            ("collections", "OrderedDict") or ("torch._utils", "_rebuild_tensor_v2") or ("torch._utils", "_rebuild_parameter")
                or ("torch", "Size"),
        PersistentLoad = id =>
        {
            var storage = StorageOf(id);
            if (storages is not null && !storages.TryAdd(storage.Key, storage) && storages[storage.Key] != storage)
                throw Invalid($"storage {storage.Key} is described in two ways");
            return storage;
        },
        Reduce = (global, arguments) => (global.Name, arguments.Items) switch
        {
            ("OrderedDict", []) => new Pickle.Dictionary(),
            ("OrderedDict", [List<object?> pairs]) => Ordered(pairs),
            ("Size", [Pickle.Tuple sizes]) => sizes,
            ("_rebuild_parameter", [StoredTensor tensor, ..]) => tensor,
            ("_rebuild_tensor_v2", [Storage storage, long offset, Pickle.Tuple shape, Pickle.Tuple strides, ..]) =>
                TensorOf(storage, offset, Numbers(shape), Numbers(strides)),
            _ => throw Invalid($"{global} is called with what it does not take"),
        },
    }.Load();

    private static Pickle.Dictionary Ordered(List<object?> pairs)
    {
        var result = new Pickle.Dictionary();
        foreach (var pair in pairs)
            switch (pair)
            {
                case Pickle.Tuple { Items: [var key, var value] }: result.Set(key, value); break;
                case List<object?> and [var key, var value]: result.Set(key, value); break;
                default: throw Invalid("an OrderedDict is made of what are no pairs");
            }
        return result;
    }

    private static Storage StorageOf(object? id)
    {
        if (id is not Pickle.Tuple { Items: ["storage", Pickle.Global type, string key, string, long count, .. var view] }
            || TypeOf(type) is not { } dtype)
            throw Invalid("a tensor has no storage of a known type");
        if (view.Any(part => part is not null)) throw Invalid($"storage {key} is a view of another, as PyTorch wrote them before 0.4");
        if (count < 0 || count > long.MaxValue / 8) throw Invalid($"storage {key} has {count} elements");
        return new Storage(key, dtype, count);
    }

    private static StoredTensor TensorOf(Storage storage, long offset, long[] shape, long[] strides)
    {
        var text = $"a tensor [{string.Join(", ", shape)}] with strides [{string.Join(", ", strides)}] at {offset}";
        if (shape.Length != strides.Length || offset < 0 || RawTensor.Count(shape) is not { } count || strides.Any(stride => stride < 0))
            throw Invalid($"{text} is no tensor");
        // The position of the last element. Int128, because the strides in a damaged file may be anything.
        Int128 last = offset;
        for (var i = 0; i < shape.Length; i++) last += (Int128)Math.Max(0, shape[i] - 1) * strides[i];
        if (count > storage.Count || (count > 0 && last >= storage.Count) || offset > storage.Count)
            throw Invalid($"{text} does not lie in its storage of {storage.Count} elements");
        return new StoredTensor(storage, offset, shape, strides);
    }

    private static long[] Numbers(Pickle.Tuple tuple) =>
        [.. tuple.Items.Select(item => item is long number ? number : throw Invalid("a shape or stride is no whole number"))];

    private static List<(string Name, StoredTensor Tensor)> Select(object? content, string? section)
    {
        if (content is not Pickle.Dictionary root) throw Invalid(
            "its outermost object is no dictionary of tensors (a whole model was saved, or a single tensor)");
        var chosen = section is null ? Choose(root) : Section(root, section);
        return Tensors(chosen);
    }

    private static Pickle.Dictionary Section(Pickle.Dictionary root, string section)
    {
        // A name may itself contain dots, so the whole text is tried first.
        if (root[section] is Pickle.Dictionary whole) return whole;
        var at = root;
        foreach (var part in section.Split('.'))
            at = at[part] as Pickle.Dictionary
                ?? throw Invalid($"it has no dictionary '{section}'. {NearNames.Describe(section, Sections(root))}");
        return at;
    }

    private static Pickle.Dictionary Choose(Pickle.Dictionary root)
    {
        if (HasTensors(root)) return root;
        foreach (var name in commonSections)
            if (root[name] is Pickle.Dictionary common && HasTensors(common)) return common;
        var candidates = root.Items.Where(item => item.Value is Pickle.Dictionary inner && HasTensors(inner)).ToList();
        return candidates switch
        {
            [var only] => (Pickle.Dictionary)only.Value!,
            [] => throw Invalid(
                $"no dictionary in it holds tensors; it has {string.Join(", ", root.Items.Select(item => item.Key).Take(20))}"),
            _ => throw Invalid(
                $"several dictionaries in it hold tensors: name one of {string.Join(", ", candidates.Select(item => item.Key))} as the "
                + $"section"),
        };
    }

    private static List<string> Sections(Pickle.Dictionary root) =>
        [.. root.Items.Where(item => item is { Key: string, Value: Pickle.Dictionary }).Select(item => (string)item.Key!)];

    private static bool HasTensors(Pickle.Dictionary dictionary) =>
        dictionary.Items.Any(item => item is { Key: string, Value: StoredTensor });

    private static List<(string Name, StoredTensor Tensor)> Tensors(Pickle.Dictionary dictionary) =>
        [.. dictionary.Items.Where(item => item is { Key: string, Value: StoredTensor })
            .Select(item => ((string)item.Key!, (StoredTensor)item.Value!))];

    private static void Expect(Storage storage, long bytes)
    {
        if (bytes != storage.Count * RawTensor.ElementSize(storage.Type))
            throw Invalid(
                $"storage {storage.Key} has {bytes} bytes, {storage.Count} elements of {storage.Type} have "
                + $"{storage.Count * RawTensor.ElementSize(storage.Type)}");
    }

    /// <summary>An entry's bytes. torch.save never compresses, and a compressed entry is refused: so no more is read than the file
    /// has.</summary>
    private static byte[] Contents(ZipArchiveEntry entry, long fileLength)
    {
        if (entry.CompressedLength != entry.Length || entry.Length > fileLength)
            throw Invalid($"{entry.FullName} is compressed or longer than the file");
        if (entry.Length > Array.MaxLength) throw Invalid($"{entry.FullName} has more than {Array.MaxLength} bytes");
        var bytes = new byte[entry.Length];
        using var stream = entry.Open();
        stream.ReadExactly(bytes);
        if (entry.Crc32 != 0 && Crc32.Of(bytes) != entry.Crc32) throw Invalid(
            $"{entry.FullName} is damaged: its checksum is not the archive's");
        return bytes;
    }

    private static ScalarType? TypeOf(Pickle.Global global)
    {
        if (global.Module == "torch")
            foreach (var (name, type) in storageTypes)
                if (name == global.Name) return type;
        return null;
    }

    private static InvalidDataException Invalid(string what) => new($"Not a PyTorch file that can be read: {what}.");
}
