namespace MetricLearning;

/// <summary>The <c>.csv</c> file next to a <c>.npy</c> file: columns of text, with one row for each row of features. The header's letter
/// case does not matter.</summary>
internal sealed class FeatureList
{
    private readonly Dictionary<string, string[]> columns = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> repeated = new(StringComparer.OrdinalIgnoreCase);
    private readonly string path;
    private readonly string[] header;

    private FeatureList(string path)
    {
        this.path = path;
        var rows = CsvRows.Read(path).ToList();
        header = rows.Count == 0 ? [] : rows[0].Fields;
        foreach (var (line, fields) in rows)
            if (fields.Length != header.Length)
                throw new InvalidDataException($"{path}, line {line}: {header.Length} fields expected, got {fields.Length}{Hint}");
        for (var column = 0; column < header.Length; column++)
        {
            var place = column;
            if (!columns.TryAdd(header[column], [.. rows.Skip(1).Select(row => row.Fields[place])])) repeated.Add(header[column]);
        }
    }

    /// <summary>The file with what it has, in words.</summary>
    public string Described => header.Length == 0 ? $"{path}, which is empty"
        : $"{path}, whose first line names the columns {MessageText.Some(header)}{Hint}";

    private string Hint => header is [var only] ? CsvRows.SeparatorHint(only) : "";

    /// <summary>The list of a file of features; null if there is none.</summary>
    /// <exception cref="InvalidDataException">The list does not parse.</exception>
    public static FeatureList? Beside(string features) =>
        Path.ChangeExtension(features, ".csv") is var path && File.Exists(path) ? new(path) : null;

    public bool Has(string column) => columns.ContainsKey(column);

    /// <summary>A column, without the header.</summary>
    /// <exception cref="InvalidDataException">Several columns have this name.</exception>
    public string[] Column(string name) => !repeated.Contains(name) ? columns[name]
        : throw new InvalidDataException($"{path} has several columns named {MessageText.Excerpt(name)}");
}
