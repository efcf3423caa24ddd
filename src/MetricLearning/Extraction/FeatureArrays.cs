using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The named arrays of a file in any of the formats <c>.npz</c>, <c>.npy</c>, <c>.safetensors</c> and <c>.mat</c>. The list beside
/// a <c>.npy</c> file counts as text.</summary>
/// <remarks>Errors do not name the file.</remarks>
internal sealed class FeatureArrays : IDisposable
{
    /// <summary>The name of the array of a <c>.npy</c> file.</summary>
    public const string Only = "";

    private readonly NumPyArchive? archive;
    private readonly NamedTensors? tensors;
    private readonly Dictionary<string, string[]> list = new(StringComparer.Ordinal);
    private readonly string path;
    private readonly long maxBytes;

    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The memory that the arrays may take.</param>
    /// <param name="wanted">The names that may be read.</param>
    public FeatureArrays(string path, long maxBytes, Func<string, bool> wanted)
    {
        (this.path, this.maxBytes) = (path, maxBytes);
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".npz": archive = new NumPyArchive(File.OpenRead(path)) { MaxBytes = maxBytes }; break;
            case ".npy": ReadList(Path.ChangeExtension(path, ".csv")); break;
            case ".safetensors":
                using (var stream = File.OpenRead(path)) tensors = SafeTensors.Read(stream);
                break;
            case ".mat":
                using (var stream = File.OpenRead(path)) tensors = MatFile.Read(stream, maxBytes, wanted);
                break;
            default: throw new InvalidDataException("features are read from .npz, .npy, .safetensors and .mat files");
        }
    }

    /// <summary>The names of all arrays, in the file's order.</summary>
    public IReadOnlyCollection<string> Names =>
        archive?.Names ?? (tensors is null ? [Only, .. list.Keys] : [.. tensors.Keys, .. tensors.LeftOut.Keys]);

    /// <summary>The names in words.</summary>
    public string Described => Names.All(name => name == Only) ? "one array without a name" : MessageText.Some(Names);

    /// <summary>Whether there is such an array, of any kind.</summary>
    public bool Has(string name) => Names.Contains(name) || tensors?.Metadata.ContainsKey(name) == true;

    /// <summary>An array of numbers, in the current dispose scope.</summary>
    /// <exception cref="InvalidDataException">The array has other contents, or is damaged.</exception>
    public Tensor Read(string name)
    {
        if (list.ContainsKey(name)) throw new InvalidDataException($"'{name}' is a column of the list, not an array");
        if (archive is not null) return archive.Read(name);
        if (tensors is null) return Npy(NumPyFile.Read);
        return tensors.TryGetValue(name, out var found) ? found.alias() : throw new InvalidDataException(
            tensors.LeftOut.TryGetValue(name, out var what) ? $"'{name}' cannot be read: it is {what}"
                : $"'{name}' is text, not an array of numbers");
    }

    /// <summary>An array of text; null if it is one of numbers.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public string[]? Text(string name)
    {
        if (list.TryGetValue(name, out var column)) return column;
        if (tensors is not null) return tensors.Metadata.TryGetValue(name, out var json) ? FromJson(name, json) : null;
        if (archive is not null) return archive.HeaderOf(name).IsText ? archive.ReadText(name) : null;
        return Npy(stream => NumPyHeader.Read(stream, stream.Length).IsText)
            ? Npy(stream => NumPyFile.Text(stream, stream.Length, new("MaxBytes", maxBytes, stream.Length))) : null;
    }

    /// <summary>Whether an array is a matrix of floating-point numbers that has a given width. Of an archive only the header is
    /// read.</summary>
    public bool IsMatrix(string name, long width)
    {
        if (archive is not null) return archive.HeaderOf(name) is { Kind: 'f', Shape: [_, var columns] } && columns == width;
        return tensors is not null && tensors.TryGetValue(name, out var found) && found.is_floating_point() && found.dim() == 2
            && found.size(1) == width;
    }

    /// <summary>The embedding space of the file, as JSON; null if it says none. That of a <c>.npy</c> file is in a file next to
    /// it.</summary>
    public string? Space => archive is null && tensors is null ? SpaceBeside.Read(path)
        : !Has(EmbeddingSpace.MetadataKey) ? null
        : archive is null ? tensors!.Metadata.GetValueOrDefault(EmbeddingSpace.MetadataKey)
        : Text(EmbeddingSpace.MetadataKey) is [var json] ? json : null;

    public void Dispose()
    {
        archive?.Dispose();
        tensors?.Dispose();
    }

    private T Npy<T>(Func<FileStream, T> read)
    {
        using var stream = File.OpenRead(path);
        return read(stream);
    }

    private static string[] FromJson(string name, string json)
    {
        try
        {
            var texts = JsonSerializer.Deserialize<string?[]>(json) ?? throw new JsonException("it is null");
            return [.. texts.Select((text, i) => text ?? throw new JsonException($"entry {i} is null"))];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the text '{name}' is not a JSON list of texts: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    private void ReadList(string file)
    {
        if (!File.Exists(file)) return;
        var rows = CsvRows.Read(file).ToList();
        if (rows.Count == 0) return;
        var header = rows[0].Fields;
        foreach (var (line, fields) in rows)
            if (fields.Length != header.Length)
                throw new InvalidDataException($"{file}, line {line}: {header.Length} fields expected, got {fields.Length}");
        for (var column = 0; column < header.Length; column++)
        {
            var place = column;
            list.TryAdd(header[column], [.. rows.Skip(1).Select(row => row.Fields[place])]);
        }
    }
}
