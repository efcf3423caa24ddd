namespace MetricLearning;

/// <summary>Finds the known names that are similar to a name that was not found.</summary>
internal static class NearNames
{
    private const int Shown = 5;

    /// <summary>Makes a sentence like "Near names: a, b, c (of 60)." The most similar names come first, by edit distance.</summary>
    public static string Describe(string name, IReadOnlyCollection<string> known)
    {
        if (known.Count == 0) return "There are none.";
        var near = known.Where(candidate => candidate.Length > 0).OrderBy(candidate => Score(name, candidate))
            .ThenBy(candidate => candidate, StringComparer.Ordinal).Take(Shown);
        return $"Near names: {string.Join(", ", near.Select(MessageText.Excerpt))} (of {known.Count}).";
    }

    /// <summary>Finds the most similar known name. Null if neither name ends with the other and their edit distance is at least a third of
    /// the name's length.</summary>
    public static string? Nearest(string name, IReadOnlyCollection<string> known)
    {
        var (nearest, score) = ((string?)null, 1 + (name.Length + 2) / 3);
        foreach (var candidate in known)
            if ((Math.Abs(candidate.Length - name.Length) < score || IsPart(name, candidate)) && Score(name, candidate) is var found
                && found < score)
                (nearest, score) = (candidate, found);
        return nearest;
    }

    // A name that contains the other as its last part ("layer4" in "backbone.layer4") is more similar than any edit of it.
    private static int Score(string name, string candidate) => IsPart(name, candidate) ? 0 : 1 + EditDistance(name, candidate);

    private static bool IsPart(string name, string candidate) => candidate.EndsWith("." + name, StringComparison.OrdinalIgnoreCase)
        || name.EndsWith("." + candidate, StringComparison.OrdinalIgnoreCase);

    /// <summary>The edit distance: the number of characters that are changed, added, removed or swapped with their neighbor.</summary>
    private static int EditDistance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        var (above, before) = (new int[row.Length], new int[row.Length]);
        for (var i = 1; i <= a.Length; i++)
        {
            (before, above, row) = (above, row, before);
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(Math.Min(above[j], row[j - 1]) + 1, above[j - 1] + (Same(i - 1, j - 1) ? 0 : 1));
                if (i > 1 && j > 1 && Same(i - 1, j - 2) && Same(i - 2, j - 1)) row[j] = Math.Min(row[j], before[j - 2] + 1);
            }
        }
        return row[b.Length];

        bool Same(int i, int j) => char.ToUpperInvariant(a[i]) == char.ToUpperInvariant(b[j]);
    }
}
