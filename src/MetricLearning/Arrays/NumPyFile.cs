using System.Text;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reads and writes one array as NumPy's <c>.npy</c> file, which Python, MATLAB, R and Julia read too.</summary>
/// <remarks>
/// <para>It reads floating-point numbers of 16, 32 and 64 bits, signed and unsigned integers (unsigned ones of 16 and 32 bits become int32
/// and int64) and logical values, in either byte order, in row-major or column-major order, and text. Arrays of Python objects are refused:
/// nothing in a file is executed. The header is checked against the file's length before memory is allocated, and an array must fill its
/// file. It writes version 1.0, little-endian, in row-major order.</para>
/// <para>Thread safety: any number of threads may read and write at once, each its own stream and its own file to write.</para>
/// </remarks>
public static class NumPyFile
{
    /// <summary>The memory of an empty text and the reference to it, rounded up.</summary>
    private const int StringOverhead = 40;

    /// <summary>Reads an array of numbers from a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>A new contiguous tensor on the CPU, in the current dispose scope if there is one.</returns>
    /// <exception cref="InvalidDataException">The file does not have such an array or is damaged; the message names it and says
    /// why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static Tensor Read(string path) => InputFile.Read(path, Read);

    /// <summary>Reads an array of numbers from a stream that can seek, from its position to its end.</summary>
    /// <param name="stream">The stream; it stays open.</param>
    /// <returns>A new contiguous tensor on the CPU, in the current dispose scope if there is one.</returns>
    /// <exception cref="InvalidDataException">The bytes are not such an array; the message says why.</exception>
    public static Tensor Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var length = stream.Length - stream.Position;
        return Numbers(stream, length, new("", length, length));
    }

    /// <summary>Reads an array of text in one dimension, or in one row or column, such as file names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The largest memory of the text in bytes; eight times the file's length if that is more. Short texts take far
    /// more memory than in a file. Default: 1 GiB.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxBytes"/> is less than 1.</exception>
    /// <exception cref="InvalidDataException">The file does not have such an array or is damaged; the message names it and says
    /// why.</exception>
    /// <exception cref="IOException">The file cannot be read; the message names it.</exception>
    public static string[] ReadText(string path, long maxBytes = GrowthLimit.DefaultBytes)
    {
        Guard.AtLeast(maxBytes, 1);
        return InputFile.Read(path, stream => Text(stream, stream.Length, new(nameof(maxBytes), maxBytes, stream.Length)));
    }

    /// <summary>Writes a tensor atomically: if the program stops, the file is either completely the old or completely the new
    /// one.</summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    /// <param name="tensor">The tensor, of any shape, device and strides.</param>
    /// <exception cref="ArgumentException">The tensor's type cannot be written: it is bfloat16, which NumPy lacks, or complex. Or it is
    /// sparse, or has more than 64 dimensions.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, Tensor tensor)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var header = HeaderOf(tensor);
        AtomicFile.Write(path, stream => Write(stream, header, tensor));
    }

    internal static Tensor Numbers(Stream stream, long length, GrowthLimit limit)
    {
        var header = NumPyHeader.Read(stream, length);
        var numbers = header.Numbers();
        limit.Take(numbers.BytesOf(RawTensor.Count(header.Shape)!.Value));
        return numbers.Read(stream, header.Shape, header.ColumnMajor);
    }

    internal static string[] Text(Stream stream, long length, GrowthLimit limit)
    {
        var header = NumPyHeader.Read(stream, length);
        if (!header.IsText) throw NumPyHeader.Invalid($"it holds numbers ({header.Descriptor}), not text");
        if (header.Shape.Count(size => size != 1) > 1)
            throw NumPyHeader.Invalid($"text of {header.Shape.Length} dimensions is not supported");
        var encoding = header.Kind == 'S' ? Encoding.Latin1
            : new UTF32Encoding(bigEndian: header.Descriptor[0] == '>', byteOrderMark: false, throwOnInvalidCharacters: true);
        // The array has room for as many characters of two bytes as the file could have.
        var count = RawTensor.Count(header.Shape)!.Value;
        var longest = header.Kind == 'S' ? header.ElementSize : header.ElementSize / 2;
        limit.Take((Int128)count * (StringOverhead + (Int128)longest * sizeof(char)));
        var texts = new List<string>();
        var buffer = new byte[header.ElementSize];
        try
        {
            for (var left = count; left > 0; left--)
            {
                stream.ReadExactly(buffer);
                texts.Add(encoding.GetString(buffer).TrimEnd('\0'));
            }
        }
        catch (DecoderFallbackException e)
        {
            throw NumPyHeader.Invalid($"text {texts.Count} is not valid: {e.Message}");
        }
        return [.. texts];
    }

    /// <summary>Says why a text would be read differently from what was written; null if it would not.</summary>
    internal static string? FlawOf(string text) => !UnicodeText.IsWhole(text) ? UnicodeText.Flaw
        : text.EndsWith('\0') ? "ends with the character 0, with which NumPy fills up short texts" : null;

    internal static NumPyHeader HeaderOf(Tensor tensor)
    {
        Guard.Alive(tensor);
        if (tensor.is_sparse) throw new ArgumentException("tensor must be dense, got a sparse one.", nameof(tensor));
        if (tensor.dim() > RawTensor.MostDimensions) throw new ArgumentException(
            $"tensor must have at most {RawTensor.MostDimensions} dimensions, got {tensor.dim()}.", nameof(tensor));
        var descriptor = NumPyHeader.DescriptorOf(tensor.dtype)
            ?? throw new ArgumentException(
                $"tensor must be bool, or integers or floats of a type that NumPy has, got {tensor.dtype}.", nameof(tensor));
        return new NumPyHeader(descriptor, ColumnMajor: false, tensor.shape);
    }

    internal static void Write(Stream stream, NumPyHeader header, Tensor tensor)
    {
        stream.Write(header.ToBytes());
        RawTensor.Write(stream, tensor);
    }

    internal static void Write(Stream stream, IReadOnlyList<string> texts)
    {
        var encoded = texts.Select(text => Encoding.UTF32.GetBytes(text)).ToList();
        var width = Math.Max(4, encoded.Select(text => text.Length).DefaultIfEmpty().Max());
        stream.Write(new NumPyHeader($"<U{width / 4}", ColumnMajor: false, [encoded.Count]).ToBytes());
        var padded = new byte[width];
        foreach (var text in encoded)
        {
            Array.Clear(padded);
            text.CopyTo(padded, 0);
            stream.Write(padded);
        }
    }
}
