using System.Text.Json;
using static TorchSharp.torch;

namespace EvaluateFeatures;

/// <summary>The named arrays of a file in any of the formats <c>.npz</c>, <c>.safetensors</c> and <c>.mat</c>. A <c>.npy</c> file has one
/// array, without a name.</summary>
internal sealed class ArrayFile : IDisposable
{
    /// <summary>The name of the only array of a <c>.npy</c> file.</summary>
    public const string Only = "";

    private readonly NumPyArchive? archive;
    private readonly NamedTensors? tensors;

    public ArrayFile(string path)
    {
        if (!File.Exists(path)) throw new UserErrorException($"There is no file {path}.");
        Path = path;
        try
        {
            switch (System.IO.Path.GetExtension(path).ToLowerInvariant())
            {
                case ".npz": archive = new NumPyArchive(path); break;
                case ".npy": break;
                case ".safetensors": tensors = SafeTensors.Read(path); break;
                case ".mat": tensors = MatFile.Read(path); break;
                default: throw new UserErrorException("its name must end in .npz, .npy, .safetensors or .mat.");
            }
        }
        catch (Exception e) when (e is UserErrorException or InvalidDataException)
        {
            throw Explain(e);
        }
    }

    public string Path { get; }

    public IReadOnlyCollection<string> Names => archive?.Names ?? tensors?.Keys.ToArray() ?? [Only];

    /// <summary>Reads an array of numbers into the current dispose scope.</summary>
    public Tensor Read(string name)
    {
        try
        {
            return archive is not null ? archive.Read(name) : tensors is not null ? tensors[name].alias() : NumPyFile.Read(Path);
        }
        catch (InvalidDataException e)
        {
            throw Explain(e);
        }
    }

    /// <summary>Reads whole numbers of any type in one dimension. A matrix of one row or one column counts too, as MATLAB writes
    /// lists.</summary>
    public long[] ReadWhole(string name)
    {
        using var scope = NewDisposeScope();
        var read = Read(name);
        if (read.shape.Count(size => size != 1) > 1) throw Explain(
            $"{Named(name)} has the shape [{string.Join(", ", read.shape)}], and must be a list.");
        var whole = read.to(ScalarType.Int64);
        if (read.is_floating_point() && !whole.to(read.dtype).Equals(read)) throw Explain(
            $"{Named(name)} holds numbers that are not whole.");
        return [.. whole.contiguous().data<long>()];
    }

    /// <summary>Reads the text of an archive, or the paths in the metadata of a safetensors file; null where the name is missing.</summary>
    public string[]? ReadText(string name)
    {
        if (archive is not null) return archive.Names.Contains(name) ? archive.ReadText(name) : null;
        if (tensors is null || !tensors.Metadata.TryGetValue(name, out var text)) return null;
        try
        {
            return JsonSerializer.Deserialize<string[]>(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public UserErrorException Explain(string what) => new($"{Path}: {what}");

    public void Dispose()
    {
        archive?.Dispose();
        tensors?.Dispose();
    }

    // The library's readers name the file themselves.
    private UserErrorException Explain(Exception e) => e is InvalidDataException ? new(e.Message) : Explain(e.Message);

    private static string Named(string name) => name.Length == 0 ? "it" : $"'{name}'";
}
