using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using static TorchSharp.torch;

namespace MetricLearning.Conformance;

/// <summary>Reads NumPy's .npy arrays and .npz archives (C order, little-endian) into tensors and text arrays.</summary>
public static partial class Npy
{
    /// <summary>A .npy file of numbers.</summary>
    public static Tensor Load(string path)
    {
        using var stream = File.OpenRead(path);
        return Read(stream);
    }

    /// <summary>One array of numbers of a .npz archive.</summary>
    public static Tensor Load(string archive, string name)
    {
        using var zip = ZipFile.OpenRead(archive);
        using var stream = Entry(zip, name).Open();
        return Read(stream);
    }

    /// <summary>One array of text (NumPy's U type) of a .npz archive.</summary>
    public static string[] LoadText(string archive, string name)
    {
        using var zip = ZipFile.OpenRead(archive);
        using var stream = Entry(zip, name).Open();
        var (type, shape) = Header(stream);
        if (!type.StartsWith("<U", StringComparison.Ordinal)) throw new InvalidDataException($"{name} is {type}, not text.");
        var length = int.Parse(type.AsSpan(2), provider: null) * 4;
        var buffer = new byte[length];
        return [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ =>
        {
            stream.ReadExactly(buffer);
            return Encoding.UTF32.GetString(buffer).TrimEnd('\0');
        })];
    }

    private static ZipArchiveEntry Entry(ZipArchive zip, string name) =>
        zip.GetEntry(name + ".npy") ?? throw new InvalidDataException($"no array {name}; there are {string.Join(", ", zip.Entries.Select(e => e.Name))}");

    private static Tensor Read(Stream stream)
    {
        var (type, shape) = Header(stream);
        var (dtype, size) = type switch
        {
            "<f4" => (ScalarType.Float32, 4), "<f8" => (ScalarType.Float64, 8), "<f2" => (ScalarType.Float16, 2),
            "<i8" => (ScalarType.Int64, 8), "<i4" => (ScalarType.Int32, 4), "|u1" => (ScalarType.Byte, 1), "|b1" => (ScalarType.Bool, 1),
            _ => throw new NotSupportedException($"NumPy type {type}"),
        };
        var result = empty(shape, dtype);
        var bytes = new byte[result.numel() * size];
        stream.ReadExactly(bytes);
        if (bytes.Length > 0) bytes.CopyTo(result.bytes);
        return result;
    }

    private static (string Type, long[] Shape) Header(Stream stream)
    {
        Span<byte> start = stackalloc byte[8];
        stream.ReadExactly(start);
        if (start[0] != 0x93 || !start[1..6].SequenceEqual("NUMPY"u8)) throw new InvalidDataException("not a .npy array");
        Span<byte> length = stackalloc byte[start[6] == 1 ? 2 : 4];
        stream.ReadExactly(length);
        var text = new byte[start[6] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(length) : BinaryPrimitives.ReadInt32LittleEndian(length)];
        stream.ReadExactly(text);
        var match = HeaderPattern().Match(Encoding.Latin1.GetString(text));
        if (!match.Success) throw new InvalidDataException($"a .npy header that is not in C order: {Encoding.Latin1.GetString(text)}");
        return (match.Groups["type"].Value, [.. match.Groups["shape"].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(long.Parse)]);
    }

    [GeneratedRegex(@"'descr':\s*'(?<type>[^']+)',\s*'fortran_order':\s*False,\s*'shape':\s*\((?<shape>[^)]*)\)")]
    private static partial Regex HeaderPattern();
}
