using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace MetricLearning.Search.Tests;

/// <summary>Features of real pictures, read without a native library.</summary>
internal static partial class StoredFeatures
{
    /// <summary>Reads the gallery features of a file, scaled to length 1, and their identities.</summary>
    public static (float[][] Features, long[] Identities) Read(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        var (values, shape) = Array<float>(archive, "gallery_feat");
        var width = shape[1];
        return ([.. values.Chunk(width).Select(Unit)], [.. Array<int>(archive, "gallery_pid").Values.Select(id => (long)id)]);
    }

    private static float[] Unit(float[] row)
    {
        var length = Math.Sqrt(row.Sum(value => (double)value * value));
        return [.. row.Select(value => (float)(value / length))];
    }

    private static (T[] Values, int[] Shape) Array<T>(ZipArchive archive, string name) where T : unmanaged
    {
        using var stream = archive.GetEntry(name + ".npy")!.Open();
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        var bytes = memory.ToArray();
        var header = 10 + BitConverter.ToUInt16(bytes, 8);
        var text = System.Text.Encoding.Latin1.GetString(bytes, 10, header - 10);
        int[] shape = [.. Shape().Match(text).Groups[1].Value.Split(',', StringSplitOptions.TrimEntries
            | StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        return (MemoryMarshal.Cast<byte, T>(bytes.AsSpan(header)).ToArray(), shape);
    }

    [GeneratedRegex(@"'shape': \(([0-9, ]*)\)")]
    private static partial Regex Shape();
}
