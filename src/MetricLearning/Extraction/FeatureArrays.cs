using System.Text.Json;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The named arrays of a file in any of the formats <c>.npz</c>, <c>.npy</c>, <c>.safetensors</c>, <c>.mat</c> and <c>.csv</c>.
/// The list beside a <c>.npy</c> file counts as text.</summary>
/// <remarks>Errors do not name the file.</remarks>
internal sealed class FeatureArrays : IDisposable
{
    /// <summary>The name of the array of a <c>.npy</c> file.</summary>
    public const string Only = "";

    private readonly NumPyArchive? archive;
    private readonly NamedTensors? tensors;
    private readonly FeatureTable? table;
    private readonly Lazy<FeatureList?> list;
    private readonly string path;
    private readonly long maxBytes;

    /// <param name="path">The file.</param>
    /// <param name="maxBytes">The memory that the arrays may take.</param>
    /// <param name="wanted">The names that may be read.</param>
    public FeatureArrays(string path, long maxBytes, Func<string, bool> wanted)
    {
        (this.path, this.maxBytes) = (path, maxBytes);
        list = new(() => IsNpy ? FeatureList.Beside(path) : null);
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".npz": archive = new NumPyArchive(File.OpenRead(path)) { MaxBytes = maxBytes }; break;
            case ".npy": break;
            case ".safetensors":
                using (var stream = File.OpenRead(path)) tensors = SafeTensors.Read(stream);
                break;
            case ".mat":
                using (var stream = File.OpenRead(path)) tensors = MatFile.Read(stream, maxBytes, wanted);
                break;
            case ".csv" when Path.ChangeExtension(path, ".npy") is var features && File.Exists(features):
                throw new InvalidDataException($"it is the list of {Path.GetFileName(features)}: read that file");
            case ".csv": table = new FeatureTable(path, new GrowthLimit("MaxBytes", maxBytes, new FileInfo(path).Length)); break;
            default: throw new InvalidDataException("features are read from .npz, .npy, .safetensors, .mat and .csv files. Python writes "
                + "one by numpy.savez('x.npz', query_feat=..., query_pid=..., query_cam=..., gallery_feat=..., ...)");
        }
    }

    /// <summary>Whether the file has one array without a name.</summary>
    public bool IsNpy => archive is null && tensors is null && table is null;

    /// <summary>The list beside a <c>.npy</c> file; null if there is none. It is read when it is needed.</summary>
    /// <exception cref="InvalidDataException">The list does not parse.</exception>
    public FeatureList? List => list.Value;

    /// <summary>The names of all arrays, in the file's order, without the columns of the list.</summary>
    public IReadOnlyCollection<string> Names => archive?.Names ?? table?.Names
        ?? (tensors is null ? [Only] : [.. tensors.Keys, .. tensors.LeftOut.Keys]);

    /// <summary>The names in words.</summary>
    public string Described => Names.All(name => name == Only) ? "one array without a name" : MessageText.Some(Names, most: 20);

    /// <summary>Whether there is such an array, of any kind, or such a column in the list.</summary>
    public bool Has(string name) => Names.Contains(name) || tensors?.Metadata.ContainsKey(name) == true || List?.Has(name) == true;

    /// <summary>An array or a column of the list in messages.</summary>
    public string Called(string name) => name == Only ? $"the array of {Path.GetFileName(path)}"
        : IsNpy ? $"'{MessageText.Excerpt(name)}' of the .csv file next to it" : $"'{MessageText.Excerpt(name)}'";

    /// <summary>An array of numbers, in the current dispose scope.</summary>
    /// <exception cref="InvalidDataException">The array has other contents, or is damaged.</exception>
    public Tensor Read(string name)
    {
        if (archive is not null) return archive.Read(name);
        if (table is not null) return table.Features(name)?.alias() ?? throw new InvalidDataException(
            $"'{MessageText.Excerpt(name)}' is one column, not features");
        if (tensors is null) return Npy(NumPyFile.Read);
        return tensors.TryGetValue(name, out var found) ? found.alias() : throw new InvalidDataException(
            tensors.LeftOut.TryGetValue(name, out var what) ? $"'{name}' cannot be read: it is {what}"
                : $"'{name}' is text, not an array of numbers");
    }

    /// <summary>An array of text; null if it is one of numbers.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public string[]? Text(string name)
    {
        if (name != Only && IsNpy) return List!.Column(name);
        if (table is not null) return table.Text(name);
        if (tensors is not null) return tensors.Metadata.TryGetValue(name, out var json) ? FromJson(name, json) : null;
        if (archive is not null) return archive.HeaderOf(name).IsText ? archive.ReadText(name) : null;
        return Npy(stream => NumPyHeader.Read(stream, stream.Length).IsText)
            ? Npy(stream => NumPyFile.Text(stream, stream.Length, new("MaxBytes", maxBytes, stream.Length))) : null;
    }

    /// <summary>Whether an array may be features of a given width: it is a matrix of floating-point numbers of this width, or it cannot be
    /// read. Of an archive only the header is read.</summary>
    public bool MayBeFeatures(string name, long width)
    {
        if (table is not null) return table.Features(name)?.size(1) == width;
        if (archive is null) return tensors is not null && tensors.TryGetValue(name, out var found) && found.is_floating_point()
            && found.dim() == 2 && found.size(1) == width;
        try
        {
            return archive.HeaderOf(name) is { Kind: 'f', Shape: [_, var columns] } && columns == width;
        }
        catch (InvalidDataException)
        {
            return true;
        }
    }

    /// <summary>The embedding space of the file, as JSON; null if it says none. That of a <c>.npy</c> file is in a file next to
    /// it.</summary>
    public string? Space => IsNpy ? SpaceBeside.Read(path)
        : !Has(EmbeddingSpace.MetadataKey) ? null
        : table is not null ? null
        : archive is null ? tensors!.Metadata.GetValueOrDefault(EmbeddingSpace.MetadataKey)
        : Text(EmbeddingSpace.MetadataKey) is [var json] ? json : null;

    public void Dispose()
    {
        archive?.Dispose();
        tensors?.Dispose();
        table?.Dispose();
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
}
