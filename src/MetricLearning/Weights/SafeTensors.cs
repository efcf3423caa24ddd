using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads and writes <c>.safetensors</c> files: a length, a JSON header, and the tensors' bytes.</summary>
/// <remarks>
/// <para>The reader is as strict as the format's specification asks: the header fits the file, no name occurs twice, each tensor has as
/// many bytes as its shape and type need, and the tensors fill the rest of the file without gap or overlap. All of it is checked before any
/// tensor is made. Types: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL. Unsigned integers that TorchSharp does not have become wider
/// signed ones: U16 becomes int32, and U32 and U64 become int64. Other types are refused.</para>
/// <para>Thread safety: any number of threads may read and write at once, if each uses its own stream and writes its own file.</para>
/// </remarks>
public static class SafeTensors
{
    private const long LargestHeader = 100_000_000;
    private const string MetadataKey = "__metadata__";
    private const int FreeTensors = 32768;      // even a tiny tensor takes about a kilobyte of memory
    private const int BytesPerTensor = 1024;

    /// <param name="Name">The name of the tensor.</param>
    /// <param name="Type">The type of its bytes; that of signed numbers for unsigned ones of more than one byte.</param>
    /// <param name="IsUnsigned">Whether they are unsigned numbers of more than one byte.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="Begin">Its first byte.</param>
    /// <param name="End">The byte after its last.</param>
    private sealed record Entry(string Name, ScalarType Type, bool IsUnsigned, long[] Shape, long Begin, long End);

    /// <summary>Reads all tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tensors by name, on the CPU, in the order of their bytes. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The file is not a valid safetensors file; the message names it and says where and
    /// why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path) => InputFile.Read(path, Read);

    /// <summary>Reads all tensors of a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <returns>The tensors by name, on the CPU, in the order of their bytes. The caller disposes them.</returns>
    /// <exception cref="InvalidDataException">The bytes are not a valid safetensors file; the message says where and why.</exception>
    public static NamedTensors Read(Stream stream) => Read(stream, (_, _) => null);

    /// <summary>Reads the metadata of a file without reading its tensors.</summary>
    internal static IReadOnlyDictionary<string, string> Metadata(Stream stream) => Header(stream).Metadata;

    /// <summary>The modules of a training checkpoint as sections; none of any other file.</summary>
    internal static IReadOnlyList<Section> Sections(Stream stream)
    {
        var (entries, metadata, _) = Header(stream);
        return TrainingModules.Sections(metadata, entries.Select(entry => entry.Name));
    }

    /// <summary>The tensors of a section of a training checkpoint, named as in its module; all tensors of any other file.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="section">The section; null for the best.</param>
    /// <exception cref="InvalidDataException">As for reading; or there is no such section.</exception>
    internal static NamedTensors Read(Stream stream, string? section) => Read(stream, (entries, metadata) =>
    {
        var sections = TrainingModules.Sections(metadata, entries.Select(entry => entry.Name));
        if (sections.Count == 0) return section is null ? null : throw Invalid($"it has no section '{section}', but tensors alone");
        return (Section.Choose(sections, section, out var problem) ?? throw Invalid(problem), sections);
    });

    private static NamedTensors Read(Stream stream,
        Func<List<Entry>, Dictionary<string, string>, (Section Chosen, IReadOnlyList<Section> All)?> choose)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var (entries, metadata, dataStart) = Header(stream);
        var choice = choose(entries, metadata);
        var prefix = choice is { Chosen.Path: var path } ? path + "." : "";
        var result = new NamedTensors(metadata, choice is { } chosen ? Section.Describe(chosen.All, chosen.Chosen) : null);
        try
        {
            foreach (var entry in entries.Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                stream.Position = dataStart + entry.Begin;
                result.TryAdd(entry.Name[prefix.Length..], Read(stream, entry));
            }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Writes tensors to a file, atomically: whenever the program stops, the file is completely the old or completely the new
    /// one.</summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="tensors">Names and tensors of any device and strides, such as <c>model.state_dict()</c>.</param>
    /// <param name="metadata">Text to store with the tensors; null for none.</param>
    /// <exception cref="ArgumentException">A name occurs twice or is reserved, a tensor is null, disposed or sparse, a type has no
    /// counterpart in the format, a text has half of a surrogate pair, or <see cref="Read(string)"/> would refuse the file: a tensor has
    /// more than 64 dimensions, the names and the metadata take more than 100,000,000 bytes, or there are more tensors than 32,768 and one
    /// for each 1,024 bytes of the file.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string,
        string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        var list = GivenTensors.Checked(tensors);
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>())
            if (!UnicodeText.IsWhole(key) || !UnicodeText.IsWhole(value ?? throw new ArgumentException(
                $"metadata must not have null, got it for '{key}'.", nameof(metadata))))
                throw new ArgumentException($"metadata must be valid Unicode, but the name or the value of '{UnicodeText.Shown(key)}' "
                    + $"{UnicodeText.Flaw}.", nameof(metadata));
        // Widest elements first, as the format's own library does, so that every tensor is aligned.
        var ordered = list.OrderByDescending(t => Size(t)).ThenBy(t => t.Key, StringComparer.Ordinal).ToList();
        var header = WriteHeader(ordered, metadata);
        var length = 8 + header.Length + ordered.Sum(t => t.Value.numel() * Size(t));
        if (ordered.Count > MostTensors(length)) throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"tensors must be at most {MostTensors(length):N0} for a file of {length:N0} bytes, got {ordered.Count:N0}: put the smallest ")
            + "together.", nameof(tensors));
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var (_, tensor) in ordered) RawTensor.Write(stream, tensor);
        });

        static int Size(KeyValuePair<string, Tensor> named) => RawTensor.ElementSize(named.Value.dtype);
    }

    private static byte[] WriteHeader(List<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { MetadataKey };
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }
            long offset = 0;
            foreach (var (name, tensor) in tensors)
            {
                if (!names.Add(name)) throw new ArgumentException(
                    $"tensors must have different names, not {MetadataKey}, got '{name}'.", nameof(tensors));
                var type = NameOf(tensor.dtype) ?? throw new ArgumentException(
                    $"tensors must be of a type that the format has, got {tensor.dtype} for '{name}'.", nameof(tensors));
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (var size in tensor.shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                offset += tensor.numel() * RawTensor.ElementSize(tensor.dtype);
                json.WriteNumberValue(offset);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.Length <= LargestHeader ? buffer.ToArray() : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
            $"names, shapes and metadata must take at most {LargestHeader:N0} bytes, the limit of the format, but take ")
            + string.Create(CultureInfo.InvariantCulture, $"{buffer.Length:N0}."), metadata is null ? nameof(tensors) : nameof(metadata));
    }

    /// <summary>The largest number of tensors of a file of this length.</summary>
    private static long MostTensors(long fileLength) => FreeTensors + fileLength / BytesPerTensor;

    private static (List<Entry> Entries, Dictionary<string, string> Metadata, long DataStart) Header(Stream stream)
    {
        stream.Position = 0;
        Span<byte> start = stackalloc byte[ForeignFile.Sample];
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (!MayBegin(start) && ForeignFile.Describe(start) is { } foreign && start.Length > 0) throw Invalid($"it is {foreign}");
        if (stream.Length < 8) throw Invalid($"the file has {stream.Length} bytes, fewer than the 8 of the header's length");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > (ulong)Math.Min(LargestHeader, stream.Length - 8))
            throw Invalid(
                $"the header declares {length} bytes, but the file has {stream.Length} (the limit is {LargestHeader})");
        var text = new byte[(int)length];
        stream.Position = 8;
        stream.ReadExactly(text);
        if (text.Length == 0 || text[0] != '{') throw Invalid("the header does not start with '{'");
        var dataLength = stream.Length - 8 - text.Length;
        try
        {
            var (entries, metadata) = Entries(text, MostTensors(stream.Length));
            entries.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
            long end = 0;
            foreach (var entry in entries)
            {
                if (entry.Begin != end) throw Invalid(
                    $"'{entry.Name}' begins at byte {entry.Begin}, but the tensor before it ends at {end}");
                end = entry.End;
            }
            if (end != dataLength) throw Invalid($"the tensors end at byte {end}, the data at {dataLength}");
            return (entries, metadata, 8 + text.Length);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or DecoderFallbackException)
        {
            throw new InvalidDataException(
                $"Not a valid safetensors file: the header cannot be read: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    /// <summary>Whether a file with these first bytes may be of this format: a header of less than 4 GB that starts with a
    /// brace.</summary>
    internal static bool MayBegin(ReadOnlySpan<byte> start) =>
        start.Length > 8 && start[8] == '{' && !start[4..8].ContainsAnyExcept((byte)0);

    // This reader makes no tree of the text, because a tree takes many times the memory of the text.
    private static (List<Entry> Entries, Dictionary<string, string> Metadata) Entries(byte[] text, long mostTensors)
    {
        var entries = new List<Entry>();
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var names = new HashSet<string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = 8 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!names.Add(name)) throw Invalid($"'{name}' occurs twice");
            if (entries.Count == mostTensors) throw Invalid($"it lists more than {mostTensors} tensors, which its size does not explain");
            Expect(ref reader, JsonTokenType.StartObject);
            if (name == MetadataKey) ReadMetadata(ref reader, metadata);
            else entries.Add(ReadEntry(ref reader, name));
        }
        while (reader.Read()) { }       // to find out whether something follows
        return (entries, metadata);
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String);
            metadata[key] = reader.GetString()!;
        }
    }

    private static Entry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        string? dtype = null;
        long[]? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            switch (reader.GetString())
            {
                case "dtype" when dtype is null:
                    Expect(ref reader, JsonTokenType.String);
                    dtype = reader.GetString();
                    break;
                case "shape" when shape is null: shape = Numbers(ref reader, name); break;
                case "data_offsets" when offsets is null: offsets = Numbers(ref reader, name); break;
                case var field: throw Invalid($"'{name}' has a field '{field}' that is unknown or occurs twice");
            }
        if (dtype is null || shape is null || offsets is not [var begin, var end])
            throw Invalid($"'{name}' lacks a dtype, a shape or two data_offsets");
        if (TypeOf(dtype) is not { } type) throw Invalid($"'{name}' is of type {dtype}, which TorchSharp does not have");
        if (RawTensor.Count(shape) is not { } count) throw Invalid(
            $"'{name}' has the shape [{string.Join(", ", shape)}], which is not valid for a tensor");
        if (begin < 0 || end < begin || end - begin != count * RawTensor.ElementSize(type))
            throw Invalid(
                $"'{name}' has the bytes {begin} to {end}, but {dtype} [{string.Join(", ", shape)}] needs "
                + $"{count * RawTensor.ElementSize(type)}");
        return new Entry(name, type, dtype is "U16" or "U32" or "U64", shape, begin, end);
    }

    private static long[] Numbers(ref Utf8JsonReader reader, string name)
    {
        Expect(ref reader, JsonTokenType.StartArray);
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            numbers.Add(numbers.Count < RawTensor.MostDimensions ? reader.GetInt64()
                : throw Invalid($"'{name}' has too many sizes or offsets"));
        return [.. numbers];
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType expected)
    {
        reader.Read();
        if (reader.TokenType != expected)
            throw new FormatException($"{expected} is expected at byte {reader.TokenStartIndex}, not {reader.TokenType}.");
    }

    /// <summary>The tensor of an entry, at which the stream stands.</summary>
    private static Tensor Read(Stream stream, Entry entry)
    {
        if (entry.IsUnsigned)
            return new StoredNumbers('u', RawTensor.ElementSize(entry.Type), BigEndian: false).TryRead(stream, entry.Shape, false)
                ?? throw Invalid($"'{entry.Name}' has unsigned numbers of 64 bits that are larger than int64 holds");
        using var flat = RawTensor.Read(stream, RawTensor.Count(entry.Shape)!.Value, entry.Type, $"The tensor '{entry.Name}'");
        return flat.reshape(entry.Shape);
    }

    private static InvalidDataException Invalid(string what) =>
        new($"Not a valid safetensors file: {MessageText.Message(what)}.");

    private static ScalarType? TypeOf(string name) => name switch
    {
        "F64" => ScalarType.Float64, "F32" => ScalarType.Float32, "F16" => ScalarType.Float16, "BF16" => ScalarType.BFloat16,
        "I64" => ScalarType.Int64, "I32" => ScalarType.Int32, "I16" => ScalarType.Int16, "I8" => ScalarType.Int8,
        "U8" => ScalarType.Byte, "BOOL" => ScalarType.Bool,
        "U16" => ScalarType.Int16, "U32" => ScalarType.Int32, "U64" => ScalarType.Int64,
        _ => null,
    };

    private static string? NameOf(ScalarType type) => type switch
    {
        ScalarType.Float64 => "F64", ScalarType.Float32 => "F32", ScalarType.Float16 => "F16", ScalarType.BFloat16 => "BF16",
        ScalarType.Int64 => "I64", ScalarType.Int32 => "I32", ScalarType.Int16 => "I16", ScalarType.Int8 => "I8",
        ScalarType.Byte => "U8", ScalarType.Bool => "BOOL",
        _ => null,
    };
}
