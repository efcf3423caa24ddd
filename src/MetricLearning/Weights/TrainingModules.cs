using System.Text.Json;

namespace MetricLearning;

/// <summary>Reads from the file of a <see cref="TrainingCheckpoint"/> which modules it has.</summary>
internal static class TrainingModules
{
    /// <summary>The file's format, under <see cref="FormatKey"/> of its metadata.</summary>
    public const string Format = "MetricLearning.TrainingCheckpoint";

    /// <summary>The key of the format in the metadata.</summary>
    public const string FormatKey = "format";

    /// <summary>The key of the text, in JSON, in the metadata.</summary>
    public const string StateKey = "state";

    /// <summary>The key of the modules' names in the text.</summary>
    public const string ModulesKey = "modules";

    /// <summary>The modules that have tensors; none if the file is not a training checkpoint.</summary>
    /// <exception cref="InvalidDataException">The file claims to be a training checkpoint, but its text is not valid.</exception>
    public static IReadOnlyList<Section> Sections(IReadOnlyDictionary<string, string> metadata, IEnumerable<string> tensors)
    {
        if (metadata.GetValueOrDefault(FormatKey) != Format) return [];
        var counts = tensors.GroupBy(name => name.Split('.')[0], StringComparer.Ordinal)
            .ToDictionary(module => module.Key, module => module.Count(), StringComparer.Ordinal);
        return [.. Modules(metadata).Where(counts.ContainsKey).Select(module => new Section(module, 1, counts[module]))];
    }

    private static List<string> Modules(IReadOnlyDictionary<string, string> metadata)
    {
        try
        {
            return [.. JsonMembers.Root(metadata.GetValueOrDefault(StateKey) ?? "").Entries(ModulesKey).Select(name => (string)name!)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException("It says that it is a training checkpoint, but it does not say which modules it has.", e);
        }
    }
}
