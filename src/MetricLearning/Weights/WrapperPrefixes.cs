using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds the prefixes that wrappers put before a file's names: DataParallel <c>module.</c>, training frameworks <c>model.</c>,
/// re-identification models <c>base.</c>.</summary>
internal static class WrapperPrefixes
{
    private const int Deepest = 3;
    private const string Backbone = "backbone.";

    private static readonly string[] wrappers = ["module", "model", "net", "base", "backbone"];

    /// <summary>The renaming after which the most names fit the model: none, or one that removes wrappers, puts the rest into
    /// <c>backbone.</c>, or does both. Of equally good ones, the simplest.</summary>
    public static Func<string, string?> Find(IEnumerable<string> names, IReadOnlyDictionary<string, Tensor> state)
    {
        var all = names.ToList();
        var candidates = all.Select(Wrapping).SelectMany(Starts).Distinct()
            .OrderBy(wrapping => wrapping.Length).ThenBy(wrapping => wrapping, StringComparer.Ordinal).Prepend("")
            .SelectMany(wrapping => new[] { (Wrapping: wrapping, Home: ""), (Wrapping: wrapping, Home: Backbone) });
        var best = candidates.MaxBy(candidate =>
            all.Count(name => state.ContainsKey(Rename(name, candidate.Wrapping, candidate.Home, state))));
        return name => Rename(name, best.Wrapping, best.Home, state);
    }

    private static string Rename(string name, string wrapping, string home, IReadOnlyDictionary<string, Tensor> state)
    {
        foreach (var part in wrapping.Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            // A name beside the part that is wrapped deeper, such as a classifier beside module.base.
            if (!name.StartsWith(part + ".", StringComparison.Ordinal)) return name;
            name = name[(part.Length + 1)..];
        }
        return home.Length == 0 || state.ContainsKey(name) ? name : home + name;
    }

    /// <summary>The wrappers at the beginning of a name, such as <c>module.base.</c></summary>
    private static string Wrapping(string name) =>
        string.Concat(name.Split('.').SkipLast(1).Take(Deepest).TakeWhile(part => wrappers.Contains(part)).Select(part => part + "."));

    private static IEnumerable<string> Starts(string wrapping)
    {
        for (var dot = wrapping.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = wrapping.IndexOf('.', dot + 1))
            yield return wrapping[..(dot + 1)];
    }
}
