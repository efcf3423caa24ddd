using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The header of a <c>.npy</c> array: type, order and shape, as the text of a Python dictionary.</summary>
internal sealed record NumPyHeader(string Descriptor, bool ColumnMajor, long[] Shape)
{
    private const int LargestHeader = 1 << 20;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>The kind letter of NumPy's type: <c>f</c>, <c>i</c>, <c>u</c>, <c>b</c>; <c>U</c> and <c>S</c> for text.</summary>
    public char Kind => Descriptor[1];

    /// <summary>Whether it is an array of text.</summary>
    public bool IsText => Kind is 'U' or 'S';

    /// <summary>Reads a header and checks that the array fills the rest of the stream exactly.</summary>
    /// <param name="stream">The stream, at the array's first byte.</param>
    /// <param name="length">The number of bytes from there.</param>
    /// <exception cref="InvalidDataException">The bytes are not such a header, or their number differs from the one that the header
    /// needs.</exception>
    public static NumPyHeader Read(Stream stream, long length)
    {
        Span<byte> start = stackalloc byte[8];
        if (length < 10) throw Invalid($"it has {length} bytes, fewer than a header");
        stream.ReadExactly(start);
        if (!start.StartsWith(Magic)) throw Invalid("it does not begin with the header of a .npy array");
        if (start[6] is not (1 or 2 or 3) || start[7] != 0)
            throw Invalid($"its format version is {start[6]}.{start[7]}, known are 1.0, 2.0 and 3.0");
        Span<byte> size = stackalloc byte[start[6] == 1 ? 2 : 4];
        if (length < 8 + size.Length) throw Invalid("it ends within its header");
        stream.ReadExactly(size);
        var headerLength = size.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(size) : BinaryPrimitives.ReadUInt32LittleEndian(size);
        var rest = length - 8 - size.Length;
        if (headerLength > rest || headerLength > LargestHeader)
            throw Invalid($"its header declares {headerLength} bytes, but {rest} are left (the limit is {LargestHeader})");
        var text = new byte[headerLength];
        stream.ReadExactly(text);
        var header = new PythonText((start[6] == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(text)).Header();
        if (RawTensor.Count(header.Shape) is not { } count) throw Invalid($"its shape {Show(header.Shape)} is not valid for an array");
        if ((Int128)count * header.ElementSize != rest - headerLength)
            throw Invalid($"{header.Descriptor} {Show(header.Shape)} needs {(Int128)count * header.ElementSize} bytes, "
                + $"but {rest - headerLength} are left");
        return header;
    }

    /// <summary>The header's bytes, as NumPy writes them in version 1.0.</summary>
    public byte[] ToBytes()
    {
        var sizes = string.Join(", ", Shape.Select(size => size.ToString(CultureInfo.InvariantCulture)));
        var text = $"{{'descr': '{Descriptor}', 'fortran_order': False, 'shape': ({sizes}{(Shape.Length == 1 ? "," : "")}), }}";
        var length = (10 + text.Length + 1 + 63) / 64 * 64;         // the numbers start at a multiple of 64
        var bytes = new byte[length];
        Magic.CopyTo(bytes);
        bytes[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)(length - 10));
        bytes.AsSpan(10).Fill((byte)' ');
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(10));
        bytes[^1] = (byte)'\n';
        return bytes;
    }

    /// <summary>How the numbers are stored in the file.</summary>
    /// <exception cref="InvalidDataException">A tensor cannot hold numbers of this type.</exception>
    public StoredNumbers Numbers()
    {
        var stored = new StoredNumbers(Kind, ElementSize, Descriptor[0] == '>');
        return stored.Type is null ? throw Invalid(IsText ? $"it holds text ({Descriptor}), not numbers"
            : Kind == 'c' ? $"it holds complex numbers ({Descriptor}); save their real and imaginary parts"
            : $"it is of type {Descriptor}, which TorchSharp does not have") : stored;
    }

    /// <summary>NumPy's name of a type; null for the types that are not written: bfloat16, which NumPy lacks, and complex types.</summary>
    public static string? DescriptorOf(ScalarType type) => type switch
    {
        ScalarType.Float16 => "<f2", ScalarType.Float32 => "<f4", ScalarType.Float64 => "<f8",
        ScalarType.Int8 => "|i1", ScalarType.Int16 => "<i2", ScalarType.Int32 => "<i4", ScalarType.Int64 => "<i8",
        ScalarType.Byte => "|u1", ScalarType.Bool => "|b1",
        _ => null,
    };

    public static InvalidDataException Invalid(string what) => new($"Not a NumPy array that can be read: {MessageText.Message(what)}.");

    /// <summary>The number of bytes of an element.</summary>
    public int ElementSize { get; } = SizeOf(Descriptor);

    private static int SizeOf(string descriptor)
    {
        if (descriptor is ['|', 'O', ..]) throw Invalid("it holds Python objects, which are never executed here; save it as numbers");
        if (descriptor is [_, 'M' or 'm', ..]) throw Invalid($"it holds dates or times ({descriptor}), not numbers");
        if (descriptor.Length < 3 || !"<>|=".Contains(descriptor[0], StringComparison.Ordinal)
            || !int.TryParse(descriptor.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            || size is < 1 or > 1 << 24)
            throw Invalid($"its type '{descriptor}' is unknown");
        return descriptor[1] == 'U' ? 4 * size : size;
    }

    private static string Show(long[] shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Parses the dictionary of a header: three keys in any order, whose values are text, True or False, and a tuple of
    /// integers.</summary>
    private ref struct PythonText(string text)
    {
        private int at;

        public NumPyHeader Header()
        {
            string? descriptor = null;
            bool? columnMajor = null;
            long[]? shape = null;
            Expect('{');
            while (!Takes('}'))
            {
                var key = String();
                Expect(':');
                switch (key)
                {
                    case "descr" when descriptor is null:
                        descriptor = Next() is '[' ? throw Invalid("it holds records of several fields") : String();
                        break;
                    case "fortran_order" when columnMajor is null: columnMajor = Boolean(); break;
                    case "shape" when shape is null: shape = Tuple(); break;
                    default: throw Invalid($"its header has a key '{key}' that is unknown or occurs twice");
                }
                if (!Takes(',') && Next() != '}') throw Unreadable();
            }
            Next();
            if (at < text.Length) throw Unreadable();
            return descriptor is null || columnMajor is null || shape is null
                ? throw Invalid("its header lacks descr, fortran_order or shape") : new NumPyHeader(descriptor, columnMajor.Value, shape);
        }

        private char Next()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
            return at < text.Length ? text[at] : '\0';
        }

        private bool Takes(char c)
        {
            if (Next() != c) return false;
            at++;
            return true;
        }

        private void Expect(char c)
        {
            if (!Takes(c)) throw Unreadable();
        }

        private string String()
        {
            var quote = Next();
            if (quote is not ('\'' or '"')) throw Unreadable();
            var end = text.IndexOf(quote, at + 1);
            if (end < 0) throw Unreadable();
            var value = text[(at + 1)..end];
            at = end + 1;
            return value;
        }

        private bool Boolean()
        {
            Next();
            foreach (var (word, value) in new[] { ("True", true), ("False", false) })
                if (text.AsSpan(at).StartsWith(word, StringComparison.Ordinal))
                {
                    at += word.Length;
                    return value;
                }
            throw Unreadable();
        }

        private long[] Tuple()
        {
            var numbers = new List<long>();
            Expect('(');
            while (!Takes(')'))
            {
                Next();
                var end = at;
                while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
                if (!long.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                    throw Unreadable();
                numbers.Add(number);
                at = end;
                Takes('L');         // Python 2 wrote it after long integers
                if (!Takes(',') && Next() != ')') throw Unreadable();
            }
            return [.. numbers];
        }

        private readonly InvalidDataException Unreadable() => Invalid($"its header cannot be read at character {at}");
    }
}
