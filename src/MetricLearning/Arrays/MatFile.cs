using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads the arrays of numbers in a MATLAB <c>.mat</c> file of version 5 (<c>save -v6</c> and <c>-v7</c>,
/// <c>scipy.io.savemat</c>).</summary>
/// <remarks>
/// <para>It reads arrays of real numbers and logical values of any number of dimensions, compressed or not, in either byte order. Unsigned
/// integers of 16 and 32 bits become int32 and int64. Text, cells, structures, objects, sparse and complex arrays are left out. Sizes are
/// checked against the file, and the memory that they need against a limit, before memory is allocated. Files of version 7.3 are HDF5; the
/// error says so.</para>
/// <para>Thread safety: any number of threads may read at once, each its own stream.</para>
/// </remarks>
public static class MatFile
{
    private const long LargestRatio = 1032;         // deflate makes at most 258 bytes of 2 bits
    private const int TensorOverhead = 512;         // what an array takes in memory besides its numbers, about
    private const int Int8 = 1, Int32 = 5, UInt32 = 6, Matrix = 14, Compressed = 15;
    private const int Logical = 1 << 9, Complex = 1 << 11;

    /// <summary>All arrays of numbers of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The arrays together may take this much memory, or eight times the file's length where that is more. Default:
    /// 1 GiB.</param>
    /// <returns>Contiguous tensors by name, on the CPU, in the file's order, of at least two dimensions. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBytes"/> is less than 1.</exception>
    /// <exception cref="InvalidDataException">The file is of another format, damaged, or needs more memory than is allowed; the message
    /// names it and says where and why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static NamedTensors Read(string path, long maxBytes = GrowthLimit.DefaultBytes)
    {
        Guard.AtLeast(maxBytes, 1);
        return InputFile.Read(path, stream => Read(stream, maxBytes));
    }

    /// <summary>All arrays of numbers of a stream that can seek, from its start to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <param name="maxBytes">The arrays together may take this much memory, or eight times the stream's length where that is more.
    /// Default: 1 GiB.</param>
    /// <returns>Contiguous tensors by name, on the CPU, in the file's order, of at least two dimensions. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBytes"/> is less than 1.</exception>
    /// <exception cref="InvalidDataException">The bytes are of another format, damaged, or need more memory than is allowed; the message
    /// says where and why.</exception>
    public static NamedTensors Read(Stream stream, long maxBytes = GrowthLimit.DefaultBytes)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Guard.AtLeast(maxBytes, 1);
        var limit = new GrowthLimit(nameof(maxBytes), maxBytes, stream.Length);
        stream.Position = 0;
        var bigEndian = ReadHeader(stream);
        var result = new NamedTensors();
        try
        {
            foreach (var (type, contents) in Elements(new StreamPart(stream, stream.Length - stream.Position), bigEndian))
                if (type == Matrix) AddArray(result, contents, bigEndian, limit);
                else if (type == Compressed) AddCompressed(result, contents, bigEndian, limit);
            return result;
        }
        catch (EndOfStreamException)
        {
            result.Dispose();
            throw Invalid($"it ends within an array, the {result.Count + 1}. that holds numbers");
        }
        catch (IOException e)       // zlib throws it too, if compressed bytes are damaged
        {
            result.Dispose();
            throw Invalid($"an array, the {result.Count + 1}. that holds numbers: {e.Message}");
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private static bool ReadHeader(Stream stream)
    {
        var header = new byte[128];
        var read = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (read == header.Length && header.AsSpan().StartsWith("MATLAB 7.3"u8))
            throw Invalid("it is of version 7.3, which is HDF5; save it with -v7, or by scipy.io.savemat");
        if (read < header.Length || header is not ([.., 0, 1, (byte)'I', (byte)'M'] or [.., 1, 0, (byte)'M', (byte)'I']))
            throw Invalid("it does not begin as a file of version 5 does");
        return header[^1] == 'I';
    }

    /// <summary>The elements of a part, one after another: a type, a length, and that many bytes, padded to a multiple of eight.</summary>
    private static IEnumerable<(int Type, StreamPart Contents)> Elements(StreamPart part, bool bigEndian)
    {
        var tag = new byte[8];
        while (part.Left > 0)
        {
            part.ReadExactly(tag);
            var type = Word(tag, bigEndian);
            if (type >> 16 is var small and > 0)        // a small element of up to four bytes is in the tag itself
            {
                if (small > 4) throw Invalid($"an element of {small} bytes is said to lie in its tag");
                yield return ((int)(type & 0xffff), new StreamPart(new MemoryStream(tag[4..], writable: false), small));
                continue;
            }
            var length = Word(tag.AsSpan(4), bigEndian);
            if (length > part.Left) throw Invalid($"an element is said to have {length} bytes, and {part.Left} are left");
            var contents = new StreamPart(part, length);
            yield return ((int)type, contents);
            contents.Skip(contents.Left);
            if (type != Compressed) part.Skip(Math.Min(part.Left, -length & 7));
        }
    }

    private static void AddCompressed(NamedTensors result, StreamPart compressed, bool bigEndian, GrowthLimit limit)
    {
        var most = compressed.Left * LargestRatio;
        using var inflated = new ZLibStream(compressed, CompressionMode.Decompress, leaveOpen: true);
        foreach (var (type, contents) in Elements(new StreamPart(inflated, most), bigEndian))
        {
            if (type != Matrix) throw Invalid($"a compressed element is of type {type}, not an array");
            AddArray(result, contents, bigEndian, limit);
            contents.Skip(contents.Left);
            break;
        }
        if (inflated.ReadByte() >= 0) throw Invalid("a compressed array goes on after its end");
    }

    /// <summary>Adds an array: its flags, dimensions, name and real part are elements of their own.</summary>
    private static void AddArray(NamedTensors result, StreamPart array, bool bigEndian, GrowthLimit limit)
    {
        if (array.Left == 0) return;
        using var scope = NewDisposeScope();
        using var parts = Elements(array, bigEndian).GetEnumerator();
        var flags = Word(Bytes(UInt32, 8), bigEndian);
        var sizes = Bytes(Int32, 4 * 64);
        var shape = Enumerable.Range(0, sizes.Length / 4).Select(i => (long)(int)Word(sizes.AsSpan(4 * i), bigEndian)).ToArray();
        var name = Encoding.UTF8.GetString(Bytes(Int8, 1024)).TrimEnd('\0');
        if ((flags & Complex) != 0 || TypeOf(flags) is not { } type) return;
        if (shape.Length < 2 || RawTensor.Count(shape) is not { } count)
            throw Invalid($"'{name}' has the shape {Show(shape)}, which is no array's");
        if (!parts.MoveNext()) throw Invalid($"'{name}' has no numbers");
        var (storage, contents) = parts.Current;
        if (Stored(storage, bigEndian) is not { } stored)
            throw Invalid($"the numbers of '{name}' are stored as type {storage}, which is unknown");
        if ((Int128)count * stored.Size != contents.Left)
            throw Invalid($"'{name}' has {contents.Left} bytes, but its shape {Show(shape)} needs {(Int128)count * stored.Size}");
        // Numbers are stored in fewer bytes if they fit: an array of doubles may be stored as int8.
        limit.Take(Int128.Max((Int128)count * RawTensor.ElementSize(type), stored.BytesOf(count)) + TensorOverhead);
        if (!result.TryAdd(name, stored.Read(contents, shape, columnMajor: true).to(type))) throw Invalid($"'{name}' comes twice");

        byte[] Bytes(int type, int most)
        {
            if (!parts.MoveNext() || parts.Current.Type != type || parts.Current.Contents.Left > most
                || (type == UInt32 && parts.Current.Contents.Left != most))
                throw Invalid("an array does not begin with its flags, dimensions and name");
            var bytes = new byte[parts.Current.Contents.Left];
            parts.Current.Contents.ReadExactly(bytes);
            return bytes;
        }
    }

    /// <summary>The tensor type for an array's class; null if its elements are not numbers.</summary>
    private static ScalarType? TypeOf(uint flags) => (flags & Logical) != 0 ? ScalarType.Bool : (flags & 0xff) switch
    {
        6 => ScalarType.Float64, 7 => ScalarType.Float32,
        8 => ScalarType.Int8, 9 => ScalarType.Byte, 10 => ScalarType.Int16, 11 or 12 => ScalarType.Int32,
        >= 13 and <= 15 => ScalarType.Int64,
        _ => null,
    };

    private static StoredNumbers? Stored(int type, bool bigEndian) => type switch
    {
        1 => new('i', 1, bigEndian), 2 => new('u', 1, bigEndian), 3 => new('i', 2, bigEndian), 4 => new('u', 2, bigEndian),
        5 => new('i', 4, bigEndian), 6 => new('u', 4, bigEndian), 7 => new('f', 4, bigEndian), 9 => new('f', 8, bigEndian),
        12 => new('i', 8, bigEndian), 13 => new('u', 8, bigEndian),
        _ => null,
    };

    private static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static string Show(long[] shape) => $"[{string.Join(", ", shape)}]";

    private static InvalidDataException Invalid(string what) => new($"Not a MATLAB file that can be read: {MessageText.Message(what)}.");
}
