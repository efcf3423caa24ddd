using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Reads the tensors of a PyTorch <c>.pth</c> or <c>.pt</c> file in every form that PyTorch has had: the zip archive of today, the pickles
/// before 1.6, the tar archive before 0.1.11, a module that was saved whole, and TorchScript. Writes the form of today.
/// </summary>
/// <remarks>
/// <para>Nothing in the file is executed. A small interpreter reads its pickle as data. An object that is neither plain data nor a tensor
/// (an object of any class, an array of NumPy, the state of an optimizer) stays an inert placeholder. Storages, offsets, sizes and strides
/// are checked against the file before memory is allocated, and the checksums of a zip archive that has them are compared. The memory that
/// reading takes is at most four times the file's size plus 64 MB.</para>
/// <para>The tensors are those of one section: a dictionary with tensors at any depth, or a module that was saved whole. The name of a
/// section is its dotted path, such as <c>state_dict</c>. If you give no name, the reader takes a dictionary called <c>state_dict</c>,
/// <c>model_state_dict</c>, <c>model_state</c>, <c>model</c>, <c>net</c>, <c>network</c>, <c>weights</c>, <c>params</c> or <c>module</c>,
/// in this order of preference. If there is none, it takes the section with the most tensors. Optimizers' sections come last.
/// <see cref="NamedTensors.Sections"/> and <see cref="WeightFile.Sections"/> list all sections.</para>
/// <para>Unsigned integers that TorchSharp does not have become wider signed ones: uint16 becomes int32, and uint32 and uint64 become
/// int64. A number that does not fit into int64 is an error.</para>
/// <para>Sparse and quantized tensors are refused if they are in the section that is read; the message names them.</para>
/// <para>Thread safety: any number of threads may read and write at once, if each uses its own stream and writes its own file.</para>
/// </remarks>
public static partial class TorchCheckpointFile
{
    private const string LegacyMagicNumber = "119547037146038801333356";
    private const int LegacyProtocol = 1001;
    private const int TensorCost = 1024;
    private const long FixedExpansion = 64 << 20;

    /// <summary>The sections of a file, how to read a storage of it, and the checks that still run on storages that were read.</summary>
    private sealed record Content(CheckpointSections Sections, Func<Storage, Tensor> Read, List<Task> Checks);

    /// <summary>Reads the tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="section">The path of the section that holds the tensors; null for the rule above.</param>
    /// <returns>The tensors by name, on the CPU, in the file's order. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, holds no tensors, has no such section, or has a tensor in it that cannot
    /// be read; the message names the file and says why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, string? section = null) => InputFile.Read(path, stream => Read(stream, section));

    /// <summary>Reads the tensors of a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="section">The path of the section that holds the tensors; null for the rule above.</param>
    /// <returns>The tensors by name, on the CPU, in the file's order. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The bytes are damaged, hold no tensors, have no such section, or have a tensor in it that
    /// cannot be read.</exception>
    public static NamedTensors Read(Stream stream, string? section = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return Open(stream, (content, budget) =>
        {
            var chosen = content.Sections.Choose(section);
            return Materialize(chosen.Tensors, content, stream.Length, budget, Section.Describe(content.Sections.All, chosen));
        });
    }

    /// <summary>The sections of a stream, the one that is read by default first; none if no tensor is in it.</summary>
    internal static IReadOnlyList<WeightSection> Sections(Stream stream) =>
        Open(stream, (content, _) => Section.Describe(content.Sections.All));

    /// <summary>Whether a file with these first bytes may be one of PyTorch.</summary>
    internal static bool MayBegin(ReadOnlySpan<byte> start) =>
        start.Length > 8 && (IsArchive(start) || IsPickle(start) || TarMembers.Is(start));

    private static bool IsArchive(ReadOnlySpan<byte> start) => start.StartsWith("PK\u0003\u0004"u8);

    /// <summary>Whether a pickle begins: its protocol, or in protocols 0 and 1 the magic number at once.</summary>
    private static bool IsPickle(ReadOnlySpan<byte> start) =>
        (start.Length >= 2 && start[0] == 0x80) || start.StartsWith("L119547037146038801333356L\n"u8);

    private static T Open<T>(Stream stream, Func<Content, MemoryBudget, T> use)
    {
        stream.Position = 0;
        Span<byte> start = stackalloc byte[TarMembers.BlockSize];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        stream.Position = 0;
        var budget = new MemoryBudget(stream.Length);
        if (IsArchive(start)) return OpenArchive(stream, budget, content => use(content, budget));
        if (IsPickle(start)) return use(OpenPickles(stream, budget), budget);
        if (TarMembers.Is(start)) return use(OpenTar(stream, budget), budget);
        throw Invalid(
            $"it is neither a zip archive nor a pickle{(ForeignFile.Describe(start) is { } foreign ? $", it is {foreign}" : "")}");
    }

    private static T OpenArchive<T>(Stream stream, MemoryBudget budget, Func<Content, T> use)
    {
        try
        {
            ZipDirectory.RequireSmall(stream);
            using var zip = ZipDirectory.Open(stream, leaveOpen: true);
            var index = zip.Entries.FirstOrDefault(entry => entry.FullName.EndsWith("/data.pkl", StringComparison.Ordinal)
                && entry.FullName.Count(c => c == '/') == 1)
                ?? throw Invalid(ForeignFile.DescribeArchive([.. zip.Entries.Select(entry => entry.FullName)]));
            // In a malicious archive entries may overlap; then together they are longer than the file.
            if (zip.Entries.Aggregate((Int128)0, (sum, entry) => sum + entry.CompressedLength) > stream.Length)
                throw Invalid("its entries are longer than the file together");
            var folder = index.FullName[..^"data.pkl".Length];
            if (zip.GetEntry(folder + "byteorder") is { } order && Contents(order, stream.Length) is var text
                && !text.AsSpan().SequenceEqual("little"u8))
                throw Invalid("it was written on a big-endian machine: load it with PyTorch and save it on a little-endian one");
            if (zip.Entries.GroupBy(entry => entry.FullName).FirstOrDefault(entries => entries.Skip(1).Any()) is { } twice)
                throw Invalid($"it has {twice.Key} twice");
            using var pickle = new MemoryStream(Contents(index, stream.Length), writable: false);
            var root = new Pickle(pickle, budget) { PersistentLoad = SliceOf }.Load();
            var checks = new List<Task>();
            return use(new Content(new CheckpointSections(root, budget), storage => ReadEntry(zip, $"{folder}data/{storage.Key}", storage,
                stream.Length, checks), checks));
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException or OverflowException)
        {
            throw new InvalidDataException($"Not a valid PyTorch file: {MessageText.Message(e.Message)}", e);
        }
    }

    // The form before PyTorch 1.6: five pickles (a magic number, a version, the machine, the object, the storages' keys), then the count
    // and the bytes of each storage.
    private static Content OpenPickles(Stream stream, MemoryBudget budget)
    {
        var storages = new Dictionary<string, Storage>(StringComparer.Ordinal);
        if (Load() is not BigInteger magic || magic.ToString(CultureInfo.InvariantCulture) != LegacyMagicNumber)
            throw Invalid("it is a pickle, but not one of torch.save: load it with "
            + "Python's pickle, and save its arrays as tensors with torch.save or as safetensors");
        if (Load() is not long version || version != LegacyProtocol) throw Invalid($"its version is not {LegacyProtocol}");
        if (Load() is not Pickle.Dictionary machine || machine["little_endian"] is not true) throw Invalid(
            "it was not written on a little-endian machine: load it with PyTorch and save it on one");
        var root = Load();
        if (Load() is not List<object?> keys) throw Invalid("it has no list of storages");
        var places = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var key in keys)
        {
            if (key is not string name || !storages.TryGetValue(name, out var storage)
                || places.ContainsKey(name)) throw Invalid($"it lists a storage {key} that nothing uses, or twice");
            places.Add(name, PassStorage(stream, storage));
        }
        return new Content(new CheckpointSections(root, budget), storage => ReadAt(stream, places, storage), []);

        object? Load() => new Pickle(stream, budget)
        {
            PersistentLoad = id =>
            {
                // A class whose source text was saved with it.
                if (id is Pickle.Tuple { Items: ["module", var kind, ..] }) return kind;
                var slice = SliceOf(id);
                if (!storages.TryAdd(slice.Storage.Key, slice.Storage) && storages[slice.Storage.Key] != slice.Storage)
                    throw Invalid($"storage {slice.Storage.Key} is described in two ways");
                return slice;
            },
        }.Load();
    }

    // The form before PyTorch 0.1.11: a tar archive of the storages, the tensors, and the object that refers to both by numbers.
    private static Content OpenTar(Stream stream, MemoryBudget budget)
    {
        var members = TarMembers.Of(stream);
        var known = new Dictionary<string, object>(StringComparer.Ordinal);
        var places = new Dictionary<string, long>(StringComparer.Ordinal);

        GoTo("storages");
        for (var left = Count(); left > 0; left--)
        {
            if (Load() is not Pickle.Tuple { Items: [var key, _, Pickle.Global type] } || StorageType.Of(type) is not { } elements)
                throw Invalid("it has a storage of an unknown type");
            var storage = new Storage(KeyOf(key), elements, ReadLength(stream));
            stream.Position -= sizeof(long);
            known[storage.Key] = new StorageSlice(storage, 0, storage.Count);
            places[storage.Key] = PassStorage(stream, storage);
        }
        foreach (var view in Load() as List<object?> ?? throw Invalid("it has no list of storages' parts"))
        {
            if (view is not Pickle.Tuple { Items: [var key, var root, long offset, long count] }
                || known.GetValueOrDefault(KeyOf(root)) is not StorageSlice whole) throw Invalid("it has a part of no storage");
            known[KeyOf(key)] = Part(whole, offset, count);
        }

        GoTo("tensors");
        for (var left = Count(); left > 0; left--)
        {
            if (Load() is not Pickle.Tuple { Items: [var key, var storage, _] }
                || known.GetValueOrDefault(KeyOf(storage)) is not StorageSlice slice) throw Invalid("it has a tensor without a storage");
            var dimensions = (int)(ReadLength(stream) & int.MaxValue);      // four bytes, and four that mean nothing
            if (dimensions > 64) throw Invalid($"it has a tensor of {dimensions} dimensions");
            var shape = Lengths(dimensions);
            var strides = Lengths(dimensions);
            known[KeyOf(key)] = TensorValue.View(slice, ReadLength(stream), shape, strides);
        }

        GoTo("pickle");
        return new Content(new CheckpointSections(Load(), budget), storage => ReadAt(stream, places, storage), []);

        void GoTo(string member) => stream.Position = members.TryGetValue(member, out var place) ? place
            : throw Invalid($"it is a tar archive without '{member}', so not one of torch.save. If it holds the file, unpack it");

        object? Load() => new Pickle(stream, budget)
        {
            PersistentLoad = id => id is Pickle.Tuple { Items: [var kind, ..] } ? kind
                : known.GetValueOrDefault(KeyOf(id)) ?? throw Invalid($"it refers to {id}, which it does not have"),
        }.Load();

        long Count() => Load() is long count ? count : throw Invalid("it has no number of what it holds");

        long[] Lengths(int count) => [.. Enumerable.Range(0, count).Select(_ => ReadLength(stream))];

        static string KeyOf(object? key) => Convert.ToString(key, CultureInfo.InvariantCulture) ?? "";
    }

    /// <summary>Reads each storage once, and makes each tensor as a view of its storage.</summary>
    private static NamedTensors Materialize(IReadOnlyList<(string Name, TensorValue Tensor)> tensors, Content content,
        long fileLength, MemoryBudget budget, IReadOnlyList<WeightSection> sections)
    {
        var storages = new Dictionary<string, (Storage Storage, Tensor Memory)>(StringComparer.Ordinal);
        var result = new NamedTensors(sections: sections);
        try
        {
            foreach (var (name, value) in tensors)
            {
                budget.Spend(TensorCost);
                if (value is UnreadTensor { What: var what }) throw Invalid($"'{name}' is {what}");
                var tensor = (StoredTensor)value;
                if (tensor.Bytes > 4 * (Int128)fileLength + FixedExpansion) throw Invalid(
                    $"'{name}' repeats elements until [{string.Join(", ", tensor.Shape)}] is far larger than the file: it does not lie in "
                    + $"its storage of {tensor.Storage.Count} elements");
                if (!storages.TryGetValue(tensor.Storage.Key, out var storage))
                {
                    storage = (tensor.Storage, content.Read(tensor.Storage));
                    storages.Add(tensor.Storage.Key, storage);
                }
                if (storage.Storage != tensor.Storage) throw Invalid($"storage {tensor.Storage.Key} is described in two ways");
                result.TryAdd(name, tensor.In(storage.Memory));
            }
            Task.WhenAll(content.Checks).GetAwaiter().GetResult();
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
        finally
        {
            // Checks read the memory until they end.
            Task.WhenAll(content.Checks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
            foreach (var (_, memory) in storages.Values) memory.Dispose();
        }
    }

    /// <summary>What the id of a storage stands for.</summary>
    private static StorageSlice SliceOf(object? id)
    {
        if (id is not Pickle.Tuple { Items: ["storage", Pickle.Global kind, string key, string, long count, .. var view] })
            throw Invalid(id is string ? "its pickle is of protocol 0, which PyTorch does not read either: save it with another protocol"
                : "a tensor has no storage");
        var type = StorageType.Of(kind) ?? throw Invalid($"storage {key} is of the unknown type {kind}");
        if (count < 0 || count > long.MaxValue / 16) throw Invalid($"storage {key} has {count} elements");
        var whole = new StorageSlice(new Storage(key, type, count), 0, count);
        return view switch
        {
            [] or [null] => whole,
            [Pickle.Tuple { Items: [_, long offset, long length] }] => Part(whole, offset, length),
            _ => throw Invalid($"storage {key} is a part of another that makes no sense"),
        };
    }

    private static StorageSlice Part(StorageSlice whole, long offset, long count) =>
        offset >= 0 && count >= 0 && offset <= whole.Count && count <= whole.Count - offset
            ? whole with { Offset = whole.Offset + offset, Count = count }
            : throw Invalid($"a part of storage {whole.Storage.Key} does not lie in it");

    /// <summary>Checks the count of a storage, skips its bytes, and returns where they begin.</summary>
    private static long PassStorage(Stream stream, Storage storage)
    {
        if (stream.Length - stream.Position < sizeof(long)) throw Invalid($"it ends before storage {storage.Key}");
        if (ReadLength(stream) is var count && count != storage.Count)
            throw Invalid($"storage {storage.Key} has {count} elements, but its tensors say {storage.Count}");
        if (count < 0 || storage.Bytes > stream.Length - stream.Position) throw Invalid($"it ends within storage {storage.Key}");
        var place = stream.Position;
        stream.Position += (long)storage.Bytes;
        return place;
    }

    private static long ReadLength(Stream stream)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Invalid("it ends too early");
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    private static Tensor ReadAt(Stream stream, Dictionary<string, long> places, Storage storage)
    {
        if (!places.TryGetValue(storage.Key, out var place)) throw Invalid($"storage {storage.Key} is not in the file");
        stream.Position = place;
        return ReadStorage(stream, storage);
    }

    /// <summary>The elements of a storage, in no dispose scope. Another thread checks them while the next storage is read.</summary>
    private static Tensor ReadEntry(ZipArchive zip, string name, Storage storage, long fileLength, List<Task> checks)
    {
        var entry = zip.GetEntry(name) ?? throw Invalid($"storage {storage.Key} is not in the archive");
        if (entry.Length != storage.Bytes) throw Invalid(
            $"storage {storage.Key} has {entry.Length} bytes, {storage.Count} elements of {storage.Type.Type} have {storage.Bytes}");
        RequireStored(entry, fileLength);
        if (storage.Type.IsStoredAsIs)
        {
            using var contents = entry.Open();
            var elements = ReadStorage(contents, storage);
            if (entry.Crc32 != 0) checks.Add(Task.Run(() => { if (RawTensor.Checksum(elements) != entry.Crc32) throw Damaged(entry); }));
            return elements;
        }
        using var stream = new ChecksumStream(entry.Open());
        var memory = ReadStorage(stream, storage);
        if (entry.Crc32 == 0 || stream.Checksum == entry.Crc32) return memory;
        memory.Dispose();
        throw Damaged(entry);
    }

    /// <summary>The elements of a storage, in no dispose scope.</summary>
    private static Tensor ReadStorage(Stream stream, Storage storage)
    {
        var type = storage.Type.Type!.Value;
        if (storage.Type.IsUnsigned)
            return new StoredNumbers('u', storage.Type.Size, BigEndian: false).Read(stream, [storage.Count], columnMajor: false)
                .DetachFromDisposeScope();
        if (type is not (ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64))
            return RawTensor.Read(stream, storage.Count, type, $"The storage {storage.Key}");
        using var scope = NewDisposeScope();
        using var parts = RawTensor.Read(stream, 2 * storage.Count,
            type == ScalarType.ComplexFloat32 ? ScalarType.Float32 : ScalarType.Float64);
        return parts.view(storage.Count, 2).view_as_complex().DetachFromDisposeScope();
    }

    /// <summary>An entry's bytes.</summary>
    private static byte[] Contents(ZipArchiveEntry entry, long fileLength)
    {
        RequireStored(entry, fileLength);
        if (entry.Length > Array.MaxLength) throw Invalid($"{entry.FullName} has more than {Array.MaxLength} bytes");
        var bytes = new byte[entry.Length];
        using var stream = entry.Open();
        stream.ReadExactly(bytes);
        return entry.Crc32 == 0 || Crc32.Of(bytes) == entry.Crc32 ? bytes : throw Damaged(entry);
    }

    /// <summary>torch.save never compresses, and a compressed entry is refused: so no more is read than the file has.</summary>
    private static void RequireStored(ZipArchiveEntry entry, long fileLength)
    {
        if (entry.Length > fileLength) throw Invalid($"{entry.FullName} is longer than the file");
        if (entry.CompressedLength != entry.Length) throw Invalid(
            $"{entry.FullName} is compressed, which torch.save never does: unpack the archive and pack it without compression (zip -0)");
    }

    private static InvalidDataException Damaged(ZipArchiveEntry entry) =>
        Invalid($"{entry.FullName} is damaged: its checksum differs from that in the archive");

    private static InvalidDataException Invalid(string what) =>
        new($"Not a PyTorch file that can be read: {MessageText.Message(what)}.");
}
