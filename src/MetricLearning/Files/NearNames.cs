namespace MetricLearning;

/// <summary>Says which known names are like one that was not found.</summary>
internal static class NearNames
{
    private const int Shown = 5;

    /// <summary>A sentence: "Near names: a, b, c (of 60)." The nearest come first, by edit distance.</summary>
    public static string Describe(string name, IReadOnlyCollection<string> known)
    {
        if (known.Count == 0) return "There are none.";
        var near = known.Where(candidate => candidate.Length > 0).OrderBy(candidate => Score(name, candidate))
            .ThenBy(candidate => candidate, StringComparer.Ordinal).Take(Shown);
        return $"Near names: {string.Join(", ", near)} (of {known.Count}).";
    }

    /// <summary>The known name that is most like this one, if it ends with it or is an edit of less than a third of it; else
    /// null.</summary>
    public static string? Nearest(string name, IReadOnlyCollection<string> known)
    {
        var (nearest, score) = ((string?)null, 1 + name.Length / 3);
        foreach (var candidate in known)
            if ((Math.Abs(candidate.Length - name.Length) < score || IsPart(name, candidate)) && Score(name, candidate) is var found
                && found < score)
                (nearest, score) = (candidate, found);
        return nearest;
    }

    // A name of which the other is a part ("layer4" in "backbone.layer4") is nearer than any edit of it.
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
