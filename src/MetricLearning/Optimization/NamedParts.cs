using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Finds parts of a model by the beginning of their dotted names.</summary>
internal static class NamedParts
{
    /// <summary>Whether a name is the prefix or lies below it: <c>backbone</c> holds <c>backbone.conv1.weight</c>, not
    /// <c>backbone2</c>.</summary>
    public static bool IsIn(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal)
        && (name.Length == prefix.Length || name[prefix.Length] == '.');

    /// <summary>Refuses prefixes that name no parameter, and those that are given twice.</summary>
    public static void Check(nn.Module model, IReadOnlyList<string> prefixes)
    {
        ArgumentNullException.ThrowIfNull(prefixes);
        string[] names = [.. model.named_parameters().Select(entry => entry.name)];
        foreach (var prefix in prefixes)
        {
            ArgumentException.ThrowIfNullOrEmpty(prefix, nameof(prefixes));
            if (!Array.Exists(names, name => IsIn(name, prefix)))
                throw new ArgumentException($"prefixes must name parameters of the model, but '{prefix}' names none. "
                    + NearNames.Describe(prefix, [.. names.SelectMany(Ancestors).Distinct()]), nameof(prefixes));
        }
        if (prefixes.Distinct(StringComparer.Ordinal).Count() < prefixes.Count)
            throw new ArgumentException($"prefixes must differ, got {string.Join(", ", prefixes)}.", nameof(prefixes));
    }

    private static IEnumerable<string> Ancestors(string name)
    {
        for (var end = name.IndexOf('.', StringComparison.Ordinal); end >= 0; end = name.IndexOf('.', end + 1)) yield return name[..end];
        yield return name;
    }
}
