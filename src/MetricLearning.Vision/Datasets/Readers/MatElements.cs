using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>Reads the elements of a <c>.mat</c> file (MATLAB version 5, little-endian), of which structures and cells consist.
/// <see cref="MatFile"/> reads only arrays of numbers.</summary>
internal static class MatElements
{
    /// <summary>The class of an array: cell or structure.</summary>
    public const int CellClass = 1, StructClass = 2;

    /// <summary>The type of an element that is an array.</summary>
    public const int Matrix = 14;

    private const int Compressed = 15;

    /// <summary>The limit of the inflated size. The published arrays inflate to a tenth of it.</summary>
    private const int MostBytes = 1 << 26;

    /// <summary>In so many bytes lie the flags, the sizes and the name of an array.</summary>
    private const int MostHeader = 1 << 10;

    /// <summary>Reads an array; null if it is not the one that is looked for.</summary>
    public delegate T? Reader<T>(ReadOnlySpan<byte> array) where T : class;

    /// <summary>Reads the first array of a file that has a name and that <paramref name="read"/> accepts. Others are not
    /// decompressed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="what">What the file should be, for messages.</param>
    /// <param name="name">The name of the array.</param>
    /// <param name="wanted">The array in words, for messages.</param>
    /// <param name="read">Reads an array.</param>
    /// <exception cref="InvalidDataException">The file is another one or is damaged; the message names it.</exception>
    public static T Find<T>(string file, string what, string name, string wanted, Reader<T> read) where T : class
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
                if (type == Compressed)
                {
                    const int tag = 8;
                    var begin = Inflate(data, MostHeader, cut: true);
                    if (begin.Length < tag || !HasName(begin[tag..], name)) continue;
                    (type, data) = NextOf(Inflate(data, MostBytes, cut: false));
                }
                if (type == Matrix && HasName(data, name) && read(data) is { } found) return found;
            }
            throw new InvalidDataException($"it has no {wanted}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException or ArgumentOutOfRangeException)
        {
            var why = e is ArgumentOutOfRangeException ? "it ends within an array" : e.Message;
            throw new InvalidDataException($"{file} is not {what}: {MessageText.Excerpt(why)}.", e);
        }
    }

    /// <summary>Reads the whole numbers of an array of numbers.</summary>
    public static long[] Whole(ReadOnlySpan<byte> array, string what)
    {
        var (type, data) = Value(array);
        var size = type switch { 1 or 2 => 1, 3 or 4 => 2, 5 or 6 => 4, 9 or 12 => 8, _ => 0 };
        if (size == 0 || data.Length % size != 0) throw new InvalidDataException($"{what} is stored as type {type}");
        var numbers = new long[data.Length / size];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = Number(type, data[(i * size)..], what);
        return numbers;
    }

    /// <summary>The value of an array: the element that follows the flags, the dimensions and the name.</summary>
    public static Element Value(ReadOnlySpan<byte> array)
    {
        for (var i = 0; i < 3; i++) Next(ref array);
        return Next(ref array);
    }

    private static bool HasName(ReadOnlySpan<byte> array, string name)
    {
        for (var i = 0; i < 2; i++) Next(ref array);        // flags and sizes
        var (_, found) = Next(ref array);
        return Encoding.ASCII.GetString(found) == name;
    }

    private static long Number(int type, ReadOnlySpan<byte> data, string what) => type switch
    {
        1 => (sbyte)data[..1][0],
        2 => data[..1][0],
        3 => BinaryPrimitives.ReadInt16LittleEndian(data),
        4 => BinaryPrimitives.ReadUInt16LittleEndian(data),
        5 => BinaryPrimitives.ReadInt32LittleEndian(data),
        6 => BinaryPrimitives.ReadUInt32LittleEndian(data),
        9 => Whole(BinaryPrimitives.ReadDoubleLittleEndian(data), what),
        _ => BinaryPrimitives.ReadInt64LittleEndian(data),
    };

    private static long Whole(double value, string what) => value == Math.Truncate(value) && Math.Abs(value) <= int.MaxValue ? (long)value
        : throw new InvalidDataException(FormattableString.Invariant($"{what} is {value}"));

    private static Element NextOf(ReadOnlySpan<byte> bytes) => Next(ref bytes);

    /// <summary>Reads the first element and removes it from the bytes. An element is a type, a length and that many bytes, padded to a
    /// multiple of eight. An element of up to four bytes lies in the tag itself.</summary>
    public static Element Next(scoped ref ReadOnlySpan<byte> rest)
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

    /// <summary>Decompresses an element.</summary>
    /// <param name="compressed">The element.</param>
    /// <param name="most">The most bytes of the result.</param>
    /// <param name="cut">Whether a longer one is cut there; otherwise it is refused.</param>
    private static ReadOnlySpan<byte> Inflate(ReadOnlySpan<byte> compressed, int most, bool cut)
    {
        using var source = new ZLibStream(new MemoryStream(compressed.ToArray()), CompressionMode.Decompress);
        var result = new MemoryStream();
        var buffer = new byte[Math.Min(most, 1 << 16)];
        for (int read; (read = source.Read(buffer)) > 0;)
        {
            if (result.Length + read > most)
                return cut ? result.GetBuffer().AsSpan(0, (int)result.Length)
                    : throw new InvalidDataException($"it inflates to more than {most} bytes");
            result.Write(buffer, 0, read);
        }
        return result.GetBuffer().AsSpan(0, (int)result.Length);
    }

    /// <summary>An element: its type and its contents.</summary>
    public readonly ref struct Element(int kind, ReadOnlySpan<byte> bytes)
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
