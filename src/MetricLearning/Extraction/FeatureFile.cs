using System.Globalization;
using System.Text;
using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Writes features with their identities, cameras and files, for other programs, and reads them.</summary>
/// <remarks>
/// Each part, such as query and gallery, is written as arrays: <c>query_feat</c> [N, D], <c>query_pid</c> and <c>query_cam</c> (int64 [N];
/// only if there are cameras) and <c>query_files</c> (text).
/// <list type="bullet">
/// <item><c>.npz</c>: all arrays in one archive, as <c>numpy.savez</c> writes it. bfloat16 features are stored as float32, because NumPy
/// has no bfloat16.</item>
/// <item><c>.safetensors</c>: the tensors; the files are in the metadata, as JSON.</item>
/// <item><c>.npy</c>: the features of one part, bfloat16 ones as float32. A <c>.csv</c> file next to it has the columns file, pid and, if
/// there are cameras, cam.</item>
/// </list>
/// <para><c>.npz</c> and <c>.safetensors</c> files store the embedding space of the sets, if it is known, as JSON under
/// <see cref="EmbeddingSpace.MetadataKey"/>. A <c>.npy</c> file has no room for it, so it is in a file next to it, <c>x.npy.space.json</c>,
/// with the checksum of the features. The same features give the same bytes.</para>
/// <para>Thread safety: any number of threads may write at once, if each writes its own file.</para>
/// </remarks>
public static class FeatureFile
{
    /// <summary>The file name endings that <see cref="Write"/> takes.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".npz", ".safetensors", ".npy"];

    /// <summary>Writes the parts, each file atomically. If the program stops, a <c>.npy</c> file has next to it either a list and a space
    /// that match it, or none.</summary>
    /// <param name="path">The file; its ending chooses the format.</param>
    /// <param name="parts">Name, features, and the file of each row.</param>
    /// <exception cref="ArgumentException">The ending is unknown, there are no parts, a part is null or lacks a name (which a
    /// <c>.npy</c> file does not need) or one file for each row, the name of a file cannot be read again as it is (half of a surrogate
    /// pair; in <c>.npz</c> also a final character 0; in <c>.npy</c> also a carriage return, or more than 65,536 characters), two parts
    /// have one name or are of different embedding spaces, or <c>.npy</c> is asked to hold several parts.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, EmbeddingSet Set, IReadOnlyList<string> Files)> parts)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0) throw new ArgumentException("parts must have at least one entry.", nameof(parts));
        if (parts.Select(part => FaultOf(path, part.Name, part.Set, part.Files)).FirstOrDefault(fault => fault is not null) is { } wrong)
            throw new ArgumentException(wrong, nameof(parts));
        if (parts.GroupBy(part => part.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Skip(1).Any()) is { Key: var twice })
            throw new ArgumentException($"parts must have different names, got '{twice}' twice.", nameof(parts));
        var space = SpaceOf(parts);
        using var scope = NewDisposeScope();
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".npz":
                NumPyArchive.Write(path, parts.SelectMany(part => Arrays(part.Name, part.Set, InNumPy(part.Set.Features))),
                    [
                        .. parts.Select(part => KeyValuePair.Create($"{part.Name}_files", part.Files)),
                        .. space is null ? [] : (KeyValuePair<string, IReadOnlyList<string>>[])[new(EmbeddingSpace.MetadataKey, [space])],
                    ]);
                break;
            case ".safetensors":
                var texts = parts.ToDictionary(part => $"{part.Name}_files", part => JsonSerializer.Serialize(part.Files));
                if (space is not null) texts.Add(EmbeddingSpace.MetadataKey, space);
                SafeTensors.Write(path, parts.SelectMany(part => Arrays(part.Name, part.Set, part.Set.Features)), texts);
                break;
            case ".npy" when parts is [var only]:
                WritePair(path, Path.ChangeExtension(path, ".csv"), only.Set, only.Files, space);
                break;
            case ".npy":
                throw new ArgumentException($"path must end in .npz or .safetensors to hold {parts.Count} parts, got {path}.",
                    nameof(path));
            default:
                throw new ArgumentException($"path must end in {string.Join(", ", Extensions)}, got {path}.", nameof(path));
        }
    }

    /// <summary>Reads the sets of a file that <see cref="Write"/> or another program wrote: see <see cref="FeatureReader"/>.</summary>
    /// <remarks>Each call numbers the names of identities and cameras from 1. If queries and gallery are in two files and have names, read
    /// both with one <see cref="FeatureReader"/>, so that a name has the same number in both.</remarks>
    /// <param name="path">The file.</param>
    /// <returns>The sets, which the caller disposes.</returns>
    /// <inheritdoc cref="FeatureReader.Read" path="/exception"/>
    public static FeatureParts Read(string path) => new FeatureReader().Read(path);

    /// <summary>Says why a part cannot be written, or not be read again; null if it can.</summary>
    private static string? FaultOf(string path, string name, EmbeddingSet set, IReadOnlyList<string> files)
    {
        // A .npy file has one part, and no place for its name.
        if (name is null || (name.Length == 0 && !Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase)))
            return "parts must have a name, such as query, got one without a name.";
        var part = name.Length == 0 ? "the part" : name;
        return set is null || files is null ? $"parts must have features and files, but {part} has null."
            : files.Count != set.Count ? $"{part} must have {set.Count} files, one per row, got {files.Count}."
            : files.Contains(null) ? $"{part} must have a file for each row, got null among them."
            : files.Select(file => FaultOf(path, file) is { } fault ? $"{part} must have files whose names can be written, but "
                + $"{MessageText.Excerpt(UnicodeText.Shown(file))} {fault}." : null).FirstOrDefault(fault => fault is not null);
    }

    /// <summary>Says why the name of a file would be read differently from what was written; null if it would not.</summary>
    private static string? FaultOf(string path, string file) => !UnicodeText.IsWhole(file) ? UnicodeText.Flaw
        : Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".npz" => NumPyFile.FlawOf(file),
            ".npy" when file.Contains('\r', StringComparison.Ordinal) => "has a carriage return, which a .csv file cannot hold",
            ".npy" when file.Length > CsvRows.LongestField => string.Create(CultureInfo.InvariantCulture,
                $"has {file.Length:N0} characters, and a field of a .csv file at most {CsvRows.LongestField:N0}"),
            _ => null,
        };

    /// <summary>The space of all parts, as JSON; null if none is known.</summary>
    private static string? SpaceOf(IReadOnlyList<(string Name, EmbeddingSet Set, IReadOnlyList<string> Files)> parts)
    {
        var known = parts.Where(part => part.Set.Space is not null).ToArray();
        for (var j = 1; j < known.Length; j++)
            for (var i = 0; i < j; i++)
                if (known[i].Set.Space!.Conflicts(known[j].Set.Space!, $"for {known[i].Name}", $"for {known[j].Name}") is { } odd)
                    throw new ArgumentException($"parts must be of one embedding space, but {odd}.", nameof(parts));
        return known.Length == 0 ? null : known.Select(part => part.Set.Space!).Aggregate((all, next) => all.Agree(next)).ToJson();
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Arrays(string name, EmbeddingSet set, Tensor features)
    {
        yield return new($"{name}_feat", features);
        yield return new($"{name}_pid", tensor(set.Identities.ToArray(), ScalarType.Int64));
        if (set.Cameras is not null) yield return new($"{name}_cam", tensor(set.Cameras.ToArray(), ScalarType.Int64));
    }

    /// <summary>Converts bfloat16 features, which NumPy does not have, to float32.</summary>
    private static Tensor InNumPy(Tensor features) => features.dtype == ScalarType.BFloat16 ? features.to(ScalarType.Float32) : features;

    /// <summary>Writes features and their list in such an order that new features never have an old list. First the new list is written
    /// under a temporary name. When the new features are written, the old list is deleted; then the new features and the new list get their
    /// names. The space is deleted with the old list, and written between the features and the list.</summary>
    private static void WritePair(string path, string list, EmbeddingSet set, IReadOnlyList<string> files, string? space)
    {
        using var features = InNumPy(set.Features).alias();
        var header = NumPyFile.HeaderOf(features);
        AtomicFile.Write(list, rows =>
        {
            WriteList(rows, set, files);
            AtomicFile.Write(path, stream =>
            {
                NumPyFile.Write(stream, header, features);
                File.Delete(list);
                File.Delete(SpaceBeside.PathOf(path));
            });
            if (space is not null) SpaceBeside.Write(path, space);
        });
    }

    private static void WriteList(Stream stream, EmbeddingSet set, IReadOnlyList<string> files)
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        writer.WriteLine(set.Cameras is null ? "file,pid" : "file,pid,cam");
        for (var i = 0; i < set.Count; i++)
        {
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{Field(files[i])},{set.Identities[i]}"));
            writer.WriteLine(set.Cameras is null ? "" : string.Create(CultureInfo.InvariantCulture, $",{set.Cameras[i]}"));
        }
    }

    /// <summary>Puts a field between quotes if it would be read differently without them.</summary>
    private static string Field(string text) =>
        text.AsSpan().IndexOfAny(",\"\n") < 0 && text.AsSpan().Trim().Length == text.Length ? text
            : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
