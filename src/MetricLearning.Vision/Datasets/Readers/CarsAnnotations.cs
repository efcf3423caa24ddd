using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>Reads the structure array <c>annotations</c> of Cars-196's <c>.mat</c> file (MATLAB version 5, little-endian): the path and the
/// class of each image. <see cref="MatFile"/> reads only arrays of numbers.</summary>
internal static class CarsAnnotations
{
    private const int Matrix = 14, Compressed = 15;
    private const int StructClass = 2;

    /// <summary>The limit of the inflated size. The published file inflates to a tenth of it.</summary>
    private const int MostBytes = 1 << 26;

    private const int MostNames = 1 << 12;

    /// <summary>Reads the file, whose classes are 1 to <paramref name="classes"/>.</summary>
    /// <exception cref="InvalidDataException">The file is another one, is damaged, or has another class.</exception>
    public static IReadOnlyList<(string Path, long Class)> Read(string file, long classes)
    {
        try
        {
            var bytes = File.ReadAllBytes(file);
            if (bytes.Length < 128 || !bytes.AsSpan().StartsWith("MATLAB 5.0"u8) || bytes[126] != 'I' || bytes[127] != 'M')
                throw new InvalidDataException("it does not begin with the header of a little-endian file of version 5");
            ReadOnlySpan<byte> rest = bytes.AsSpan(128);
            while (rest.Length > 0)
            {
                var (type, data) = Next(ref rest);
                var inner = type == Compressed ? Inflate(data) : data;
                if (type == Compressed) (type, inner) = NextOf(inner);
                if (type == Matrix && Annotations(inner, classes) is { } found) return found;
            }
            throw new InvalidDataException("it has no structure array annotations with the fields relative_im_path and class");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ArgumentOutOfRangeException)
        {
            var what = e is ArgumentOutOfRangeException ? "it ends within an array" : e.Message;
            throw new InvalidDataException($"{file} is not the annotation file of Cars-196: {MessageText.Excerpt(what)}.", e);
        }
    }

    /// <summary>The rows of the array; null if it is not the array <c>annotations</c>.</summary>
    private static List<(string, long)>? Annotations(ReadOnlySpan<byte> array, long classes)
    {
        var (_, flags) = Next(ref array);
        var (_, sizes) = Next(ref array);
        var (_, name) = Next(ref array);
        if (flags.Length < 4 || flags[0] != StructClass || !name.SequenceEqual("annotations"u8)) return null;
        var (_, lengthBytes) = Next(ref array);
        var length = BinaryPrimitives.ReadInt32LittleEndian(lengthBytes);
        var (_, namesBytes) = Next(ref array);
        if (length < 1) return null;
        if (namesBytes.Length / length > MostNames) throw new InvalidDataException($"a structure has more than {MostNames} fields");
        var names = new List<string>();
        for (var at = 0; at + length <= namesBytes.Length; at += length)
            names.Add(Encoding.ASCII.GetString(namesBytes.Slice(at, length)).TrimEnd('\0'));
        var (pathField, classField) = (names.IndexOf("relative_im_path"), names.IndexOf("class"));
        if (pathField < 0 || classField < 0) return null;
        var rows = new List<(string, long)>();
        // The elements follow each other, each field by field, to the end of the array.
        while (array.Length > 0)
        {
            var (path, label) = ("", 0L);
            for (var field = 0; field < names.Count; field++)
            {
                var (_, value) = Next(ref array);
                if (field == pathField) path = Text(value);
                if (field == classField) label = Number(value);
            }
            if (label < 1 || label > classes)
                throw new InvalidDataException($"element {rows.Count + 1} has the class {label}, which is not in [1, {classes}]");
            rows.Add((path, label));
        }
        var count = 1L;
        for (var i = 0; i + 4 <= sizes.Length; i += 4) count *= BinaryPrimitives.ReadInt32LittleEndian(sizes[i..]);
        return rows.Count == count ? rows : throw new InvalidDataException($"annotations has {rows.Count} elements, not {count}");
    }

    private static string Text(ReadOnlySpan<byte> array)
    {
        var (type, data) = Value(array);
        return type switch
        {
            4 or 17 => Encoding.Unicode.GetString(data),
            1 or 2 or 16 => Encoding.UTF8.GetString(data),
            _ => throw new InvalidDataException($"a path is stored as type {type}"),
        };
    }

    private static long Number(ReadOnlySpan<byte> array)
    {
        var (type, data) = Value(array);
        return type switch
        {
            1 => (sbyte)data[..1][0],
            2 => data[..1][0],
            3 => BinaryPrimitives.ReadInt16LittleEndian(data),
            4 => BinaryPrimitives.ReadUInt16LittleEndian(data),
            5 => BinaryPrimitives.ReadInt32LittleEndian(data),
            6 => BinaryPrimitives.ReadUInt32LittleEndian(data),
            9 => Whole(BinaryPrimitives.ReadDoubleLittleEndian(data)),
            12 => BinaryPrimitives.ReadInt64LittleEndian(data),
            _ => throw new InvalidDataException($"a class is stored as type {type}"),
        };
    }

    private static long Whole(double value) => value == Math.Truncate(value) && Math.Abs(value) <= int.MaxValue ? (long)value
        : throw new InvalidDataException(FormattableString.Invariant($"a class is {value}"));

    /// <summary>The value of an array: the element that follows the flags, the dimensions and the name.</summary>
    private static Element Value(ReadOnlySpan<byte> array)
    {
        for (var i = 0; i < 3; i++) Next(ref array);
        return Next(ref array);
    }

    private static Element NextOf(ReadOnlySpan<byte> bytes) => Next(ref bytes);

    /// <summary>Reads the first element and removes it from the bytes. An element is a type, a length and that many bytes, padded to a
    /// multiple of eight. An element of up to four bytes lies in the tag itself.</summary>
    private static Element Next(scoped ref ReadOnlySpan<byte> rest)
    {
        var type = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (type >> 16 is var small and > 0)
        {
            var within = new Element((int)(type & 0xffff), rest.Slice(4, (int)small));
            rest = rest[8..];
            return within;
        }
        var length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        if (length > rest.Length - 8)
            throw new InvalidDataException($"an element declares {length} bytes, but {rest.Length - 8} are left");
        var element = new Element((int)type, rest.Slice(8, (int)length));
        var next = type == Compressed ? length : length + (-length & 7);
        rest = rest[(int)Math.Min(8 + (long)next, rest.Length)..];
        return element;
    }

    private static ReadOnlySpan<byte> Inflate(ReadOnlySpan<byte> compressed)
    {
        using var source = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        var result = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int read; (read = source.Read(buffer)) > 0;)
        {
            if (result.Length + read > MostBytes)
                throw new InvalidDataException($"it inflates to more than {MostBytes} bytes");
            result.Write(buffer, 0, read);
        }
        return result.GetBuffer().AsSpan(0, (int)result.Length);
    }

    private readonly ref struct Element(int kind, ReadOnlySpan<byte> bytes)
    {
        public readonly int Kind = kind;
        public readonly ReadOnlySpan<byte> Bytes = bytes;

        public void Deconstruct(out int type, out ReadOnlySpan<byte> data)
        {
            type = Kind;
            data = Bytes;
        }
    }
}
