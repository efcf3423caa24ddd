using System.Globalization;

namespace MetricLearning;

/// <summary>Gives numbers to names, the same number to the same name in all files of a reader.</summary>
/// <param name="what">The kind of names in errors: identities, cameras.</param>
internal sealed class NameNumbers(string what)
{
    private readonly Dictionary<string, long> numbers = new(StringComparer.Ordinal);
    private bool hasNumbers;

    /// <summary>The names by their numbers; null if all were numbers.</summary>
    public IReadOnlyDictionary<long, string>? Names =>
        numbers.Count == 0 ? null : numbers.ToDictionary(pair => pair.Value, pair => pair.Key);

    /// <summary>Records that identities were given as numbers.</summary>
    /// <exception cref="InvalidDataException">Others were given as names.</exception>
    public long[] Of(long[] given)
    {
        hasNumbers = true;
        return numbers.Count == 0 ? given : throw Mixed();
    }

    /// <summary>Converts texts to numbers. <c>0007</c> becomes 7 if all are whole numbers and no earlier one was a name; otherwise names
    /// become 1, 2, … in the order of their first occurrence.</summary>
    /// <exception cref="InvalidDataException">They are names, and others were given as numbers.</exception>
    public long[] Of(IReadOnlyList<string> texts)
    {
        var whole = new long[texts.Count];
        var isWhole = numbers.Count == 0;
        for (var i = 0; i < whole.Length && isWhole; i++)
            isWhole = long.TryParse(texts[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out whole[i]);
        if (isWhole) return Of(whole);
        if (hasNumbers) throw Mixed();
        for (var i = 0; i < whole.Length; i++)
            if (!numbers.TryGetValue(texts[i], out whole[i])) numbers.Add(texts[i], whole[i] = numbers.Count + 1);
        return whole;
    }

    private InvalidDataException Mixed() => new($"the {what} of one set are numbers and those of another are names; write all as one of "
        + "them");
}
