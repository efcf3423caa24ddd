namespace MetricLearning;

/// <summary>A part of a file that has tensors by name, with the properties by which the default section is chosen.</summary>
/// <param name="Path">Its path in the file, dotted; empty for the outermost.</param>
/// <param name="Depth">The number of parts of the path.</param>
/// <param name="Count">The number of its tensors.</param>
internal record Section(string Path, int Depth, int Count)
{
    // The names that programs give to the weights, the most certain first.
    private static readonly string[] commonNames =
        ["state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"];

    /// <summary>The last part of the path.</summary>
    public string Name { get; init; } = Path;

    /// <summary>Whether it belongs to an optimizer.</summary>
    public bool IsOfOptimizer { get; init; }

    /// <summary>The number of tensors that are not single numbers.</summary>
    public int Arrays { get; init; } = Count;

    /// <summary>The number of tensors, except single numbers, that the part around it holds directly.</summary>
    public int ArraysBeside { get; init; }

    /// <summary>The sections that are the best: one, or several that are equally good.</summary>
    public static IReadOnlyList<T> Best<T>(IReadOnlyList<T> sections) where T : Section
    {
        if (sections.Count == 0) return sections;
        var candidates = sections.Where(section => !section.IsOfOptimizer).ToList();
        if (candidates.Count == 0) candidates = [.. sections];
        // If a section called "weights" has fewer tensors than its surroundings, it is only a detail of them, such as the weights of
        // classes.
        var named = candidates.Where(section => commonNames.Contains(section.Name) && section.Count >= section.ArraysBeside)
            .OrderBy(section => Array.IndexOf(commonNames, section.Name)).ThenBy(section => section.Depth)
            .ThenByDescending(section => section.Count).FirstOrDefault();
        if (named is not null) return [named];
        var most = candidates.Max(section => (section.Arrays, section.Count));
        var equal = candidates.Where(section => (section.Arrays, section.Count) == most).ToList();
        return equal.Find(section => section.Depth == 0) is { } outermost ? [outermost] : equal;
    }

    /// <summary>The section of a path, or the best one for null.</summary>
    /// <param name="sections">All of them.</param>
    /// <param name="path">The path.</param>
    /// <param name="problem">Says what is wrong if null is returned: there is no such section, or no best one.</param>
    public static T? Choose<T>(IReadOnlyList<T> sections, string? path, out string problem) where T : Section
    {
        const int Shown = 20;
        problem = "";
        if (path is not null)
        {
            var named = sections.FirstOrDefault(section => section.Path == path);
            if (named is null) problem =
                $"it has no dictionary '{path}'. {NearNames.Describe(path, [.. sections.Select(section => section.Path)])}";
            return named;
        }
        var best = Best(sections);
        if (best.Count == 1) return best[0];
        problem = $"several dictionaries in it hold tensors: name one of "
            + $"{string.Join(", ", best.Take(Shown).Select(section => section.Path))} "
            + "as the section";
        return null;
    }

    /// <summary>All sections as users see them. The given section comes first; without one, the best section comes first, if there is
    /// one.</summary>
    public static IReadOnlyList<WeightSection> Describe<T>(IReadOnlyList<T> sections, T? chosen = null) where T : Section
    {
        chosen ??= Best(sections) is [var best] ? best : null;
        var ordered = chosen is null ? sections : sections.Where(section => !ReferenceEquals(section, chosen)).Prepend(chosen);
        return [.. ordered.Select(section => new WeightSection(section.Path, section.Count))];
    }
}

/// <summary>A section with its tensors.</summary>
internal sealed record StoredSection(string Path, int Depth, IReadOnlyList<(string Name, TensorValue Tensor)> Tensors)
    : Section(Path, Depth, Tensors.Count);
