using System.Text.Json;

namespace MetricLearning;

/// <summary>The index of weights in several files, as Hugging Face writes it (<c>model.safetensors.index.json</c>): which tensor is in
/// which file.</summary>
internal sealed class ShardIndex
{
    private const string MapKey = "weight_map";
    private const int LargestFile = 16 << 20;

    private readonly List<(string Tensor, string File)> map;

    private ShardIndex(List<(string, string)> map) => this.map = map;

    /// <summary>Reads the index in a file; null if the file is not an index.</summary>
    /// <exception cref="InvalidDataException">The index has a map that cannot be used.</exception>
    public static ShardIndex? Of(Stream stream)
    {
        stream.Position = 0;
        var first = stream.ReadByte();
        if (first != '{' || stream.Length > LargestFile) return null;
        stream.Position = 0;
        var text = new byte[stream.Length];
        stream.ReadExactly(text);
        if (text.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes($"\"{MapKey}\"")) < 0 || text.Contains((byte)0)) return null;
        try
        {
            using var json = JsonDocument.Parse(text);
            if (!json.RootElement.TryGetProperty(MapKey, out var entries)) return null;
            return new ShardIndex([.. entries.EnumerateObject().Select(entry => (entry.Name, NameOf(entry.Value.GetString())))]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"The index of shards cannot be read: {MessageText.Excerpt(e.Message)}", e);
        }
    }

    /// <summary>The tensors of all files that it names, in its order.</summary>
    /// <param name="path">The index; its files are in the same folder.</param>
    /// <param name="read">Reads one of the files.</param>
    /// <exception cref="InvalidDataException">A file lacks a tensor.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public NamedTensors Read(string path, Func<string, NamedTensors> read)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var result = new NamedTensors();
        try
        {
            foreach (var shard in map.GroupBy(entry => entry.File, StringComparer.Ordinal))
            {
                var file = Path.Combine(folder, shard.Key);
                if (!File.Exists(file)) throw new InvalidDataException(
                    $"It is an index of {MessageText.Counted(map.Select(entry => entry.File).Distinct().Count(), "file")}, and "
                    + $"{MessageText.Excerpt(shard.Key)} is missing: put all of them into its folder.");
                using var tensors = read(file);
                foreach (var (name, _) in shard)
                {
                    if (!tensors.TryGetValue(name, out var tensor)) throw new InvalidDataException(
                        $"{MessageText.Excerpt(shard.Key)} has no tensor '{MessageText.Excerpt(name)}'.");
                    result.TryAdd(name, tensor.alias());
                }
            }
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    // An untrusted index may name any file of the machine.
    private static string NameOf(string? file) => !string.IsNullOrEmpty(file) && Path.GetFileName(file) == file && file is not ("." or "..")
        ? file : throw new InvalidDataException(
            $"The index of shards names '{MessageText.Excerpt(file ?? "")}', which is not a file in its folder.");
}
