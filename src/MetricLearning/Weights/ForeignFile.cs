using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace MetricLearning;

/// <summary>Recognizes other files that users may have in place of a weights file, and says what to do.</summary>
internal static partial class ForeignFile
{
    /// <summary>The bytes at a file's beginning by which it is recognized.</summary>
    public const int Sample = 512;

    private static readonly (byte[] Start, string What)[] signatures =
    [
        ([0x1f, 0x8b], "a gzip file: unpack it (gunzip, or tar -xzf) and read what is in it"),
        ([(byte)'B', (byte)'Z', (byte)'h'], "a bzip2 file: unpack it and read what is in it"),
        ([0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z'], "an xz file: unpack it and read what is in it"),
        ([(byte)'7', (byte)'z', 0xbc, 0xaf], "a 7-Zip archive: unpack it and read what is in it"),
        ([.. "Rar!"u8], "a RAR archive: unpack it and read what is in it"),
        ([0x28, 0xb5, 0x2f, 0xfd], "a Zstandard file: unpack it and read what is in it"),
        ([0x89, .. "HDF"u8], "an HDF5 file, as Keras writes: save the weights as safetensors in Python"),
        ([0x93, .. "NUMPY"u8], "an array of NumPy: NumPyFile.Read reads it"),
        ([.. "GGUF"u8], "a GGUF file of quantized weights, which is not read: take the original weights"),
        ([.. "MATLAB 5"u8], "a MATLAB file: MatFile.Read reads it"),
    ];

    /// <summary>Says what a file with these first bytes is and what to do, as the end of the sentence "This is ..."; null if it is not
    /// recognized.</summary>
    public static string? Describe(ReadOnlySpan<byte> start)
    {
        if (start.Length == 0) return "an empty file, as an interrupted download leaves it: fetch it again";
        foreach (var (signature, what) in signatures)
            if (start.StartsWith(signature)) return what;
        if (IsOnnx(start)) return "an ONNX file: OnnxFile.LoadWeights of MetricLearning.Onnx reads it";
        var text = Encoding.UTF8.GetString(start).TrimStart('\uFEFF', ' ', '\t', '\r', '\n');
        if (text.StartsWith("version https://git-lfs", StringComparison.Ordinal)) return
            $"a Git LFS pointer, which stands for a file{SizeOf(text)} that was not fetched: run 'git lfs pull', or download the file "
                + $"itself";
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase)) return
            "an HTML page, as a site sends it in place of a file (a login, a quota, a warning): open the address in a browser and download "
            + "the file itself";
        if (text.StartsWith("<?xml", StringComparison.Ordinal)) return
            "an XML text, as a store sends it in place of a file that it does not give: look into it for the reason";
        return text.StartsWith('{') || text.StartsWith('[')
            ? "a JSON text that is not an index of shards (with a weight_map): read the file of weights next to it" : null;
    }

    /// <summary>Says what a file is that should be an ONNX file; null if it may be one, or is not recognized.</summary>
    /// <param name="stream">The file.</param>
    public static string? DescribeUnlessOnnx(Stream stream)
    {
        Span<byte> start = stackalloc byte[Sample];
        stream.Position = 0;
        start = start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        return IsOnnx(start) ? null : Describe(start) ?? (WeightsOf(start) is { } weights
            ? $"{weights}, which has weights and no network: export the network as ONNX (OnnxFile.Export, torch.onnx.export)" : null);
    }

    /// <summary>Says which file of weights this is; null if it is none.</summary>
    private static string? WeightsOf(ReadOnlySpan<byte> start) =>
        start.StartsWith("PK\u0003\u0004"u8) ? "a zip archive, as torch.save writes"
        : start is [0x80, >= 2 and <= 5, ..] ? "a pickle, as torch.save wrote before PyTorch 1.6"
        : start is [_, _, _, _, 0, 0, 0, 0, (byte)'{', ..] ? "a safetensors file" : null;

    /// <summary>Says what a zip archive with these entries is that torch.save did not write.</summary>
    public static string DescribeArchive(IReadOnlyList<string> entries)
    {
        if (entries.Any(name => name.EndsWith(".npy", StringComparison.Ordinal)))
            return "it is an archive of NumPy arrays, which NumPyArchive reads";
        return entries.FirstOrDefault(name => WeightEndings().IsMatch(name)) is { } inner
            ? $"it is a zip archive with the file {inner} in it: unpack it and read that file"
            : "it is a zip archive without data.pkl, so not one of torch.save";
    }

    // The version of the format, then the producer's name or the network.
    private static bool IsOnnx(ReadOnlySpan<byte> start) => start is [0x08, < 0x20, 0x12 or 0x3a, ..];

    private static string SizeOf(string pointer) => Size().Match(pointer) is { Success: true } match
        ? string.Create(CultureInfo.InvariantCulture, $" of {match.Groups[1].Value} bytes") : "";

    [GeneratedRegex(@"\nsize (\d{1,19})")]
    private static partial Regex Size();

    [GeneratedRegex(@"\.(pth|pt|bin|ckpt|tar|safetensors)$", RegexOptions.IgnoreCase)]
    private static partial Regex WeightEndings();
}
