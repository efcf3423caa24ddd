using System.Globalization;

namespace MetricLearning;

/// <summary>Gives numbers to names, the same number to the same name in all files of a reader.</summary>
/// <param name="what">The kind of names in errors: identities, cameras.</param>
internal sealed class NameNumbers(string what)
{
    /// <summary>The identity of junk in the published datasets (<see cref="RetrievalProtocol.Market1501"/>). It is no person, so it keeps
    /// its number among names.</summary>
    private const long Junk = -1;

    private readonly Dictionary<string, long> numbers = new(StringComparer.Ordinal);
    private bool hasJunk, hasNumbers;

    /// <summary>The names by their numbers; null if all were numbers.</summary>
    public IReadOnlyDictionary<long, string>? Names
    {
        get
        {
            if (numbers.Count == 0) return null;
            var names = numbers.ToDictionary(pair => pair.Value, pair => pair.Key);
            if (hasJunk) names.Add(Junk, Junk.ToString(CultureInfo.InvariantCulture));
            return names;
        }
    }

    /// <summary>What is known now, for <see cref="Restore"/>.</summary>
    public (int Names, bool HasJunk, bool HasNumbers) State => (numbers.Count, hasJunk, hasNumbers);

    /// <summary>Forgets what was given since then.</summary>
    public void Restore((int Names, bool HasJunk, bool HasNumbers) state)
    {
        (hasJunk, hasNumbers) = (state.HasJunk, state.HasNumbers);
        foreach (var (name, number) in numbers)
            if (number > state.Names) numbers.Remove(name);
    }

    /// <summary>Records that identities were given as numbers. Junk alone goes with numbers and with names.</summary>
    /// <exception cref="InvalidDataException">Others were given as names.</exception>
    public long[] Of(long[] given)
    {
        if (Array.TrueForAll(given, number => number == Junk)) return given;
        hasNumbers = true;
        return numbers.Count == 0 ? given : throw Mixed();
    }

    /// <summary>Converts texts to numbers. If all are whole numbers, <c>0007</c> becomes 7; otherwise names become 1, 2, … in the order of
    /// their first occurrence, and junk stays −1.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="called">Their array in errors and notes.</param>
    /// <param name="notes">Takes a note if names look like numbers.</param>
    /// <exception cref="InvalidDataException">A text is empty, or these are names and others are numbers.</exception>
    public long[] Of(IReadOnlyList<string> texts, string called, List<string> notes)
    {
        for (var row = 0; row < texts.Count; row++)
            if (string.IsNullOrWhiteSpace(texts[row])) throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"{called} is empty in row {row + 1} of {texts.Count}; each row must have an entry"));
        long?[] whole = [.. texts.Select(Whole)];
        var odd = Array.IndexOf(whole, null);
        if (odd < 0) return Of([.. whole.Select(number => number!.Value)]);
        if (hasNumbers) throw Mixed();
        if (texts.Where((text, row) => whole[row] != Junk && IsLikeANumber(text)).Any())
            notes.Add($"{called} has '{MessageText.Excerpt(texts[odd])}', which is not a whole number, so all its entries are names: "
                + "0007, 7 and 7.0 are different names.");
        hasJunk |= whole.Contains(Junk);
        return [.. texts.Select((text, row) => whole[row] == Junk ? Junk : NumberOf(text))];

        static long? Whole(string text) =>
            long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;

        static bool IsLikeANumber(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number);
    }

    private long NumberOf(string name)
    {
        if (!numbers.TryGetValue(name, out var number)) numbers.Add(name, number = numbers.Count + 1);
        return number;
    }

    private InvalidDataException Mixed() => new($"the {what} of one set are numbers and those of another are names; write all as one of "
        + "them");
}
