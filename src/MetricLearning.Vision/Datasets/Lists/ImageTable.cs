using System.Globalization;
using System.Text.Json;

namespace MetricLearning.Vision;

/// <summary>A file that lists images, read as named columns of text.</summary>
internal sealed class ImageTable
{
    private static readonly string[] known = ["file", "pid", "cam", "track", "split"];

    private readonly string path;
    private readonly string[] header;
    private readonly List<Row> rows = [];

    private ImageTable(string path, string[] header) => (this.path, this.header) = (path, header);

    /// <summary>Reads a CSV file with a header.</summary>
    public static ImageTable Csv(string path)
    {
        CheckExists(path);
        ImageTable? table = null;
        foreach (var (line, fields) in CsvRows.Read(path))
            if (table is null) table = new ImageTable(path, Different(path, fields));
            else if (fields.Length == table.header.Length) table.rows.Add(new(line, fields));
            else throw table.Fault(line, $": {table.header.Length} fields expected, got {fields.Length}.");
        return table ?? new ImageTable(path, []);
    }

    /// <summary>Reads a file with one JSON object per line. The columns are the names in the first object.</summary>
    public static ImageTable JsonLines(string path)
    {
        CheckExists(path);
        ImageTable? table = null;
        foreach (var (number, line) in TextLines.Read(path))
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using var document = JsonDocument.Parse(line);
                var fields = document.RootElement.EnumerateObject()
                    .ToDictionary(p => p.Name, p => p.Value.ToString(), StringComparer.Ordinal);
                table ??= new ImageTable(path, [.. fields.Keys]);
                var missing = table.header.FirstOrDefault(name => !fields.ContainsKey(name));
                if (missing is not null) throw table.Fault(number, $" has no {MessageText.Excerpt(missing)}, as the first line has.");
                // Such a field would be ignored in this line, and the images would seem to have no camera, for example.
                var late = known.FirstOrDefault(name => fields.ContainsKey(name) && !table.header.Contains(name));
                if (late is not null) throw table.Fault(number, $" has {late}, but the first line has none.");
                table.rows.Add(new(number, [.. table.header.Select(name => fields[name])]));
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
            {
                throw new InvalidDataException(
                    $"{path}, line {number} does not parse as a JSON object: {MessageText.Excerpt(line)}", e);
            }
        }
        return table ?? new ImageTable(path, []);
    }

    /// <summary>The images of a split, or of all rows, sorted by path.</summary>
    public ImageList ToList(string imageFolder, string? split, bool countsFromZero)
    {
        ArgumentNullException.ThrowIfNull(imageFolder);
        var (file, pid, part) = (Required("file"), Required("pid"), split is null ? -1 : Required("split"));
        var (cam, track) = (Array.IndexOf(header, "cam"), Array.IndexOf(header, "track"));
        if (rows.Count == 0) throw new InvalidDataException($"{path} has no images.");
        if (split is not null && !rows.Exists(row => row.Fields[part] == split))
            throw new InvalidDataException($"{path} has no images of split {MessageText.Excerpt(split)}, only of "
                + $"{MessageText.Some<string>([.. rows.Select(row => row.Fields[part]).Distinct()])}.");
        var samples = rows.Where(row => split is null || row.Fields[part] == split)
            .Select(row => new ImageSample(Path.Combine(imageFolder, Name(row, file)),
                Whole(row, file, pid, ImageSample.LeastIdentity), Whole(row, file, cam, 0), Whole(row, file, track, 0)))
            .OrderBy(sample => sample.Path, StringComparer.Ordinal).ToArray();
        if (ImageList.FirstConflict(samples) is var (one, other))
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"{path} has {MessageText.Excerpt(one.Path)} with the identities {one.Identity} and {other.Identity} "
                + $"(lines {LineOf(one)} and {LineOf(other)}): an image shows one."));
        return new(samples, hasCameras: cam >= 0, countsFromZero);

        int LineOf(ImageSample sample) => rows.First(row => Path.Combine(imageFolder, row.Fields[file]) == sample.Path
            && (split is null || row.Fields[part] == split) && Whole(row, file, pid, ImageSample.LeastIdentity) == sample.Identity).Line;
    }

    /// <summary>Tells which rows are in none of the splits; null if all rows are in one.</summary>
    public string? RowsOutside(IReadOnlyList<string> splits)
    {
        var part = Required("split");
        string[] outside = [.. rows.Select(row => row.Fields[part]).Where(split => !splits.Contains(split))];
        return outside.Length == 0 ? null
            : $"{MessageText.Counted(outside.Length, "row")} of {path} {(outside.Length == 1 ? "is" : "are")} in none of the splits "
                + $"{string.Join(", ", splits.Distinct())}, and left out. The split there: "
                + $"{MessageText.Some<string>([.. outside.Distinct()])}.";
    }

    private static string[] Different(string path, string[] header)
    {
        var twice = header.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1)?.Key;
        return twice is null ? header : throw new InvalidDataException($"{path} has the column {MessageText.Excerpt(twice)} twice.");
    }

    private string Name(Row row, int file) =>
        row.Fields[file].Length > 0 ? row.Fields[file] : throw Fault(row.Line, ": file must name an image, got nothing.");

    private long Whole(Row row, int file, int column, long least)
    {
        if (column < 0) return 0;
        var text = row.Fields[column];
        if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
            throw Fault(row.Line, $": {header[column]} of {MessageText.Excerpt(row.Fields[file])} must be a whole number, " +
                $"got \"{MessageText.Excerpt(text)}\".");
        return value >= least ? value : throw Fault(row.Line, string.Create(CultureInfo.InvariantCulture,
            $": {header[column]} of {MessageText.Excerpt(row.Fields[file])} must be {least} or greater, got {value}."));
    }

    private int Required(string name)
    {
        var column = Array.IndexOf(header, name);
        return column >= 0 ? column : throw new InvalidDataException(header.Length > 0
            ? $"{path} has no column {name}, only {MessageText.Some(header)}{(header is [var only] ? CsvRows.SeparatorHint(only) : "")}."
            : $"{path} is empty: it must list images.");
    }

    private InvalidDataException Fault(int line, string what) => new(string.Create(CultureInfo.InvariantCulture,
        $"{path}, line {line}{MessageText.Message(what)}"));

    private static void CheckExists(string path)
    {
        InputFile.RefuseFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
    }

    private readonly record struct Row(int Line, string[] Fields);
}
