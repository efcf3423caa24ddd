using System.Buffers.Binary;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>Reads the structure array <c>annotations</c> of Cars-196's <c>.mat</c> file (MATLAB version 5, little-endian): the path and the
/// class of each image. <see cref="MatFile"/> reads only arrays of numbers.</summary>
internal static class CarsAnnotations
{
    private const int MostNames = 1 << 12;

    /// <summary>Reads the file, whose classes are 1 to <paramref name="classes"/>.</summary>
    /// <exception cref="InvalidDataException">The file is another one, is damaged, or has another class.</exception>
    public static IReadOnlyList<(string Path, long Class)> Read(string file, long classes) => MatElements.Find(file,
        "the annotation file of Cars-196", "annotations", "structure array annotations with the fields relative_im_path and class",
        array => Annotations(array, classes));

    /// <summary>The rows of the array; null if it is no structure with these fields.</summary>
    private static List<(string, long)>? Annotations(ReadOnlySpan<byte> array, long classes)
    {
        var (_, flags) = MatElements.Next(ref array);
        var (_, sizes) = MatElements.Next(ref array);
        MatElements.Next(ref array);        // the name
        if (flags.Length < 4 || flags[0] != MatElements.StructClass) return null;
        var (_, lengthBytes) = MatElements.Next(ref array);
        var length = BinaryPrimitives.ReadInt32LittleEndian(lengthBytes);
        var (_, namesBytes) = MatElements.Next(ref array);
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
                var (_, value) = MatElements.Next(ref array);
                if (field == pathField) path = Text(value);
                if (field == classField) label = MatElements.Whole(value, "a class") is [var number, ..] ? number
                    : throw new InvalidDataException("a class is empty");
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
        var (type, data) = MatElements.Value(array);
        return type switch
        {
            4 or 17 => Encoding.Unicode.GetString(data),
            1 or 2 or 16 => Encoding.UTF8.GetString(data),
            _ => throw new InvalidDataException($"a path is stored as type {type}"),
        };
    }
}
