using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// The file of a <see cref="TrainingCheckpoint"/>: a safetensors file (so that Python can open it too) whose metadata carry the format, its version,
/// a text, and the SHA-256 of everything in the file, computed with the digest itself set to zeros.
/// </summary>
/// <remarks>Layout: 8 bytes length of the header (little endian); the header, JSON; the tensors' bytes in the header's order without gaps.</remarks>
internal static class CheckpointFile
{
    private const string Format = "MetricLearning.TrainingCheckpoint";
    private const int Version = 1;
    private const int MaximumHeader = 100_000_000;    // safetensors' own limit
    private const long ChunkBytes = 1 << 26;
    private static readonly byte[] digestMark = "\"sha256\":\""u8.ToArray();
    private static readonly string noDigest = new('0', SHA256.HashSizeInBytes * 2);

    private static readonly (ScalarType Type, string Name, int Size)[] types =
    [
        (ScalarType.Float32, "F32", 4), (ScalarType.Float64, "F64", 8), (ScalarType.Float16, "F16", 2), (ScalarType.BFloat16, "BF16", 2),
        (ScalarType.Int64, "I64", 8), (ScalarType.Int32, "I32", 4), (ScalarType.Int16, "I16", 2), (ScalarType.Int8, "I8", 1),
        (ScalarType.Byte, "U8", 1), (ScalarType.Bool, "BOOL", 1),
    ];

    /// <summary>Writes to a file beside <paramref name="path"/>, flushes it to the disk and renames it: a kill at any moment leaves the old file
    /// or the new one.</summary>
    public static void Write(string path, string text, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        var full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        var temporary = full + ".tmp";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None)) Write(file, text, tensors);
            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Reads and checks the whole file. The tensors are on the CPU, in the current dispose scope.</summary>
    /// <exception cref="InvalidDataException">The file is not a checkpoint, or not a whole one.</exception>
    public static (string Text, Dictionary<string, Tensor> Tensors) Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        var prefix = new byte[8];
        if (file.Length < prefix.Length) throw Bad(path, "it has fewer than 8 bytes");
        file.ReadExactly(prefix);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaximumHeader) throw Bad(path, "it does not begin with the length of a header");
        if ((long)length > file.Length - prefix.Length) throw Bad(path, "it ends within its header");
        var header = new byte[length];
        file.ReadExactly(header);

        var (version, text, entries) = Parse(path, header);
        if (version != Version)
            throw Bad(path, string.Create(CultureInfo.InvariantCulture, $"it has version {version}, and this library reads version {Version}"));
        var data = file.Length - prefix.Length - header.Length;
        var needed = entries.Count == 0 ? 0 : entries[^1].End;
        if (data != needed)
            throw Bad(path, string.Create(CultureInfo.InvariantCulture, $"it should hold {needed} bytes of tensors and holds {data}"));

        var at = header.AsSpan().IndexOf(digestMark) + digestMark.Length;
        var digest = Encoding.ASCII.GetString(header, at, noDigest.Length);
        Encoding.ASCII.GetBytes(noDigest).CopyTo(header, at);
        hash.AppendData(prefix);
        hash.AppendData(header);
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in entries)
        {
            var tensor = empty(entry.Shape, entry.Type, CPU);
            foreach (var part in Parts(tensor))
            {
                file.ReadExactly(part.bytes);
                hash.AppendData(part.bytes);
            }
            tensors.Add(entry.Name, tensor);
        }
        if (!string.Equals(digest, Convert.ToHexString(hash.GetHashAndReset()), StringComparison.OrdinalIgnoreCase))
            throw Bad(path, "its checksum is wrong");
        return (text, tensors);
    }

    private static void Write(FileStream file, string text, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var header = Header(text, tensors);
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        Put(prefix);
        Put(header);
        foreach (var (_, value) in tensors)
        {
            using var scope = NewDisposeScope();
            foreach (var part in Parts(value.detach().cpu().contiguous())) Put(part.bytes);
        }
        file.Position = prefix.Length + header.AsSpan().IndexOf(digestMark) + digestMark.Length;
        file.Write(Encoding.ASCII.GetBytes(Convert.ToHexString(hash.GetHashAndReset())));
        file.Flush(flushToDisk: true);

        void Put(ReadOnlySpan<byte> bytes)
        {
            hash.AppendData(bytes);
            file.Write(bytes);
        }
    }

    private static byte[] Header(string text, IReadOnlyList<(string Name, Tensor Value)> tensors)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("sha256", noDigest);    // the first of all strings, so that its place can be found
            json.WriteString("format", Format);
            json.WriteString("version", Version.ToString(CultureInfo.InvariantCulture));
            json.WriteString("state", text);
            json.WriteEndObject();
            var offset = 0L;
            foreach (var (name, value) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", NameOf(value.dtype, name));
                json.WriteStartArray("shape");
                foreach (var size in value.shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += value.numel() * value.element_size());
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static (int Version, string Text, List<Entry> Entries) Parse(string path, byte[] header)
    {
        try
        {
            using var json = JsonDocument.Parse(header);
            var metadata = json.RootElement.GetProperty("__metadata__");
            if (metadata.GetProperty("format").GetString() != Format || metadata.GetProperty("sha256").GetString()?.Length != noDigest.Length
                || header.AsSpan().IndexOf(digestMark) < 0)
                throw Bad(path, "it is of another kind");
            var version = int.Parse(metadata.GetProperty("version").GetString()!, CultureInfo.InvariantCulture);
            var text = metadata.GetProperty("state").GetString()!;
            var entries = new List<Entry>();
            if (version != Version) return (version, text, entries);
            var end = 0L;
            foreach (var property in json.RootElement.EnumerateObject().Where(property => property.Name != "__metadata__"))
            {
                var (type, _, size) = TypeOf(property.Value.GetProperty("dtype").GetString()!);
                long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(length => length.GetInt64())];
                var bytes = shape.Aggregate((long)size, (product, length) => length >= 0 ? checked(product * length) : throw new FormatException());
                var offsets = property.Value.GetProperty("data_offsets");
                if (offsets[0].GetInt64() != end || offsets[1].GetInt64() != checked(end + bytes)) throw new FormatException();
                entries.Add(new Entry(property.Name, type, shape, end += bytes));
            }
            return (version, text, entries);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException
            or IndexOutOfRangeException)
        {
            throw Bad(path, "its header cannot be read");
        }
    }

    private static IEnumerable<Tensor> Parts(Tensor tensor)
    {
        using var flat = tensor.view(-1);
        var step = ChunkBytes / tensor.element_size();
        for (var from = 0L; from < flat.NumberOfElements; from += step)
        {
            using var part = flat.narrow(0, from, Math.Min(step, flat.NumberOfElements - from));
            yield return part;
        }
    }

    private static string NameOf(ScalarType type, string name) => types.FirstOrDefault(entry => entry.Type == type).Name
        ?? throw new NotSupportedException($"'{name}' has the type {type}, which a checkpoint cannot hold.");

    private static (ScalarType Type, string Name, int Size) TypeOf(string name)
    {
        foreach (var entry in types)
            if (entry.Name == name) return entry;
        throw new FormatException();
    }

    private static InvalidDataException Bad(string path, string reason) => new($"{path} is not a whole training checkpoint: {reason}.");

    private sealed record Entry(string Name, ScalarType Type, long[] Shape, long End);
}
