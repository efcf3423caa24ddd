using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A <c>.csv</c> file of features, as pandas writes it. Columns whose names are one prefix and the numbers 0, 1, 2, … or 1, 2, …
/// are one array: <c>0</c> to <c>511</c> are <c>features</c>, and <c>feat_0</c> to <c>feat_511</c> are <c>feat</c>. Other columns are
/// text.</summary>
internal sealed class FeatureTable : IDisposable
{
    /// <summary>The name of the array whose columns have no prefix.</summary>
    private const string Usual = "features";

    private static readonly char[] digitsOfNames = [.. "0123456789"];

    private readonly Dictionary<string, Tensor> arrays = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string[]> texts = new(StringComparer.Ordinal);

    /// <param name="path">The file.</param>
    /// <param name="memory">Bounds the memory of the features.</param>
    /// <exception cref="InvalidDataException">The file does not parse. Errors about a line name the file.</exception>
    public FeatureTable(string path, GrowthLimit memory)
    {
        using var rows = CsvRows.Read(path).GetEnumerator();
        var header = rows.MoveNext() ? rows.Current.Fields : throw new InvalidDataException("it is empty");
        if (header.FirstOrDefault(name => name.Length > 0 && header.Count(other => other == name) > 1) is { } twice)
            throw new InvalidDataException($"several columns are named {MessageText.Excerpt(twice)}");
        var groups = Groups(header);
        if (!groups.ContainsKey(Usual) && Array.TrueForAll(header, name => TryParse(name, out _))) throw new InvalidDataException(
            "its first line has numbers, and must name the columns: file,pid,cam,0,1,2,... Numbers without names are read from the .npy "
            + "file that numpy.save writes");
        if (groups.Count == 0) throw new InvalidDataException("it has no features: their columns must be named 0, 1, 2, ... or feat_0, "
            + $"feat_1, feat_2, ...; it has {MessageText.Some([.. header.Where(name => name.Length > 0)])}");
        var lists = groups.ToDictionary(group => group.Key, _ => new List<float>(), StringComparer.Ordinal);
        var places = Enumerable.Range(0, header.Length).Except(groups.Values.SelectMany(group => group)).Where(i => header[i].Length > 0)
            .ToArray();
        var columns = Array.ConvertAll(places, _ => new List<string>());
        while (rows.MoveNext())
        {
            var (line, fields) = rows.Current;
            if (fields.Length != header.Length)
                throw new InvalidDataException($"{path}, line {line}: {header.Length} fields expected, got {fields.Length}");
            for (var i = 0; i < places.Length; i++) columns[i].Add(fields[places[i]]);
            foreach (var (name, group) in groups)
            {
                memory.Take(sizeof(float) * (Int128)group.Length);
                foreach (var place in group) lists[name].Add(TryParse(fields[place], out var number) ? number
                    : throw new InvalidDataException($"{path}, line {line}: {MessageText.Excerpt(header[place])} must be a number, got "
                        + $"'{MessageText.Excerpt(fields[place])}'"));
            }
        }
        for (var i = 0; i < places.Length; i++) texts.Add(header[places[i]], [.. columns[i]]);
        foreach (var (name, list) in lists)
        {
            var width = groups[name].Length;
            arrays.Add(name, tensor(list.ToArray(), [list.Count / width, width]).DetachFromDisposeScope());
        }
    }

    /// <summary>The names of the arrays and of the other columns.</summary>
    public IReadOnlyCollection<string> Names => [.. arrays.Keys, .. texts.Keys];

    /// <summary>An array of features, which the table keeps.</summary>
    public Tensor? Features(string name) => arrays.GetValueOrDefault(name);

    /// <summary>A column of text; null if the name is that of an array.</summary>
    public string[]? Text(string name) => texts.GetValueOrDefault(name);

    public void Dispose()
    {
        foreach (var array in arrays.Values) array.Dispose();
    }

    /// <summary>The places of the columns of each array.</summary>
    private static Dictionary<string, int[]> Groups(string[] header)
    {
        var groups = new Dictionary<string, int[]>(StringComparer.Ordinal);
        // pandas writes the numbers of the rows as a column without a name.
        foreach (var group in Enumerable.Range(0, header.Length).Where(place => header[place].Length > 0)
            .GroupBy(place => header[place].TrimEnd(digitsOfNames)))
        {
            int[] places = [.. group];
            var digits = places.Select(place => header[place][group.Key.Length..]).ToArray();
            var counts = places.Length > 1 && int.TryParse(digits[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                && first is 0 or 1 && digits.Select((text, i) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture,
                    out var number) && number == first + i).All(isNext => isNext);
            var name = group.Key.TrimEnd('_', '.', '-', ' ');
            if (counts) groups.TryAdd(name.Length == 0 ? Usual : name, places);
        }
        return groups;
    }

    private static bool TryParse(string text, out float number) =>
        float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
}
