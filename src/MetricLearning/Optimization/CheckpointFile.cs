using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// The file of a <see cref="TrainingCheckpoint"/>: a safetensors file (so that Python can open it too). Its metadata hold the format, its
/// version, a text, the embedding space if it is known, and the SHA-256 of the texts and of every tensor's name, type, shape and bytes.
/// </summary>
internal static class CheckpointFile
{
    private const string Format = TrainingModules.Format;
    private const string Version = "1";

    /// <summary>Writes atomically: if the process is killed, either the old or the new file remains.</summary>
    public static void Write(string path, CheckpointText content, IReadOnlyDictionary<string, Tensor> tensors,
        EmbeddingSpace? space = null)
    {
        var (text, json) = (content.ToJson(), space?.ToJson());
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version,
            ["state"] = text,
            ["sha256"] = WeightDigest.Of(text + json, tensors),
        };
        if (json is not null) metadata.Add(EmbeddingSpace.MetadataKey, json);
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        SafeTensors.Write(path, tensors, metadata);
    }

    /// <summary>The embedding space in a file; null if it says none.</summary>
    /// <exception cref="InvalidDataException">The record is damaged.</exception>
    public static EmbeddingSpace? SpaceOf(string path, NamedTensors tensors) =>
        InputFile.Naming(path, () => EmbeddingSpace.Of(tensors.Metadata));

    /// <summary>Reads and checks the whole file. The caller disposes the tensors, which are on the CPU.</summary>
    /// <exception cref="InvalidDataException">The file is not a checkpoint, or it is incomplete.</exception>
    public static (CheckpointText Text, NamedTensors Tensors) Read(string path)
    {
        NamedTensors tensors;
        try
        {
            tensors = SafeTensors.Read(path);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path} is not a whole training checkpoint. {(e.InnerException ?? e).Message}", e);
        }
        try
        {
            if (Said("format") != Format) throw Bad("it is of another kind");
            if (Said("version") != Version) throw Bad($"it has version {Said("version")}, and this library reads version {Version}");
            var text = Said("state") ?? throw Bad("it has no state");
            if (Said("sha256") != WeightDigest.Of(text + Said(EmbeddingSpace.MetadataKey), tensors)) throw Bad("its checksum is wrong");
            return (CheckpointText.Parse(text), tensors);
        }
        catch (FormatException e)
        {
            tensors.Dispose();
            throw Bad(e.Message);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }

        string? Said(string key) => tensors.Metadata.GetValueOrDefault(key);

        InvalidDataException Bad(string reason) => new($"{path} is not a whole training checkpoint: {reason}.");
    }
}
