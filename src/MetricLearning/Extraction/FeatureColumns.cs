namespace MetricLearning;

/// <summary>The meaning of an array in a file of features.</summary>
internal enum FeatureColumn
{
    Features, Identities, Cameras, Files,
}

/// <summary>Maps the names of arrays to columns of sets.</summary>
/// <param name="names">The user's names; null for the usual ones.</param>
internal sealed class FeatureColumns(FeatureNames? names)
{
    private static readonly Dictionary<string, string> shortSets = new() { ["q"] = "query", ["g"] = "gallery" };

    private static readonly string[][] usual =
    [
        Usual("feat", "feats", "feature", "features", "f", "embeddings"), Usual("pid", "pids", "id", "ids", "label", "labels"),
        Usual("cam", "cams", "camera", "cameras", "camid", "camids"), Usual("files", "file", "paths", "names"),
    ];

    /// <summary>Names that do not consist of a set, <c>_</c> and a column.</summary>
    private static readonly Dictionary<string, string> shortFeatures = new() { ["query"] = "qf", ["gallery"] = "gf" };

    /// <summary>The sets that have features among these arrays: queries, gallery, others in ordinal order. Empty stands for the set
    /// without a name.</summary>
    public IEnumerable<string> Sets(IEnumerable<string> arrays) => arrays.SelectMany(SetsIn).Distinct()
        .OrderBy(set => set switch { "query" => 0, "gallery" => 1, _ => 2 }).ThenBy(set => set, StringComparer.Ordinal);

    /// <summary>The names that a column of a set may have, the likeliest first.</summary>
    public IEnumerable<string> NamesOf(FeatureColumn column, string set)
    {
        foreach (var pattern in Patterns(column))
            if (!pattern.Contains(FeatureNames.Wildcard, StringComparison.Ordinal))
            {
                if (set.Length == 0) yield return pattern;
            }
            else if (set.Length > 0)
                foreach (var spelling in shortSets.Where(pair => pair.Value == set).Select(pair => pair.Key).Prepend(set))
                    yield return pattern.Replace("*", spelling, StringComparison.Ordinal);
        if (names is null && column == FeatureColumn.Features && shortFeatures.TryGetValue(set, out var other)) yield return other;
    }

    /// <summary>The names of <see cref="NamesOf"/> in words, or why there are none.</summary>
    public string Described(FeatureColumn column, string set) => MessageText.Some([.. NamesOf(column, set).DefaultIfEmpty(
        $"{Patterns(column)[0]}, which does not fit {(set.Length == 0 ? "a set without a name" : $"the set '{set}'")}")]);

    /// <summary>Whether an array may be a column of a set.</summary>
    public bool Knows(string array) => names is not null || Enum.GetValues<FeatureColumn>().Any(column =>
        Patterns(column).Any(pattern => SetIn(array, pattern) is not null)) || shortFeatures.ContainsValue(array);

    /// <summary>The sets of which an array may be the features.</summary>
    private IEnumerable<string> SetsIn(string array)
    {
        if (array == FeatureArrays.Only) yield return "";
        foreach (var pattern in Patterns(FeatureColumn.Features))
            if (SetIn(array, pattern) is { } set) yield return shortSets.GetValueOrDefault(set, set);
        if (names is null)
            foreach (var (set, features) in shortFeatures)
                if (array == features) yield return set;
    }

    private string[] Patterns(FeatureColumn column) => (names, column) switch
    {
        (null, _) or (_, FeatureColumn.Files) => usual[(int)column],
        (_, FeatureColumn.Features) => [names.Features],
        (_, FeatureColumn.Identities) => [names.Identities],
        _ => names.Cameras is { } cameras ? [cameras] : [],
    };

    private static string[] Usual(params string[] columns) => [.. columns.Select(column => $"*_{column}"), .. columns];

    /// <summary>The part of a name that matches a pattern's <c>*</c>; empty for a pattern without it; null if the name does not
    /// match.</summary>
    private static string? SetIn(string name, string pattern)
    {
        var at = pattern.IndexOf(FeatureNames.Wildcard, StringComparison.Ordinal);
        if (at < 0) return name == pattern ? "" : null;
        return name.Length >= pattern.Length && name.StartsWith(pattern[..at], StringComparison.Ordinal)
            && name.EndsWith(pattern[(at + 1)..], StringComparison.Ordinal) ? name.Substring(at, name.Length - pattern.Length + 1) : null;
    }
}
