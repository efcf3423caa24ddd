namespace MetricLearning;

/// <summary>Finds the known names that are similar to a name that was not found.</summary>
internal static class NearNames
{
    private const int Shown = 5;

    /// <summary>A sentence: "Near names: a, b, c (of 60)." The most similar come first, by edit distance.</summary>
    public static string Describe(string name, IReadOnlyCollection<string> known)
    {
        if (known.Count == 0) return "There are none.";
        var near = known.Where(candidate => candidate.Length > 0).OrderBy(candidate => Score(name, candidate))
            .ThenBy(candidate => candidate, StringComparer.Ordinal).Take(Shown);
        return $"Near names: {string.Join(", ", near.Select(MessageText.Excerpt))} (of {known.Count}).";
    }

    /// <summary>The most similar known name, if one of the two ends with the other or their edit distance is below a third of the name's
    /// length; else null.</summary>
    public static string? Nearest(string name, IReadOnlyCollection<string> known)
    {
        var (nearest, score) = ((string?)null, 1 + name.Length / 3);
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

    private static int EditDistance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                var change = char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1;
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + change);
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}
