using System.Globalization;
using System.Text.Json;
using Microsoft.VisualBasic.FileIO;

namespace MetricLearning.Vision;

/// <summary>A file that lists pictures, as columns of text by name.</summary>
internal sealed class ImageTable
{
    private readonly string path;
    private readonly string[] header;
    private readonly List<string?[]> rows = [];

    private ImageTable(string path, string[] header) => (this.path, this.header) = (path, header);

    /// <summary>A CSV file with a header.</summary>
    public static ImageTable Csv(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
        using var parser = new TextFieldParser(path) { Delimiters = [","], HasFieldsEnclosedInQuotes = true, TrimWhiteSpace = true };
        try
        {
            var table = new ImageTable(path, parser.ReadFields() ?? []);
            while (parser.ReadFields() is { } row)
                table.rows.Add(row.Length == table.header.Length ? row : throw new InvalidDataException(
                    $"{path}, before line {parser.LineNumber}: {table.header.Length} fields expected, got {row.Length}."));
            return table;
        }
        catch (MalformedLineException e)
        {
            throw new InvalidDataException($"{path}, line {parser.ErrorLineNumber} does not parse: {parser.ErrorLine}", e);
        }
    }

    /// <summary>A file with a JSON object a line. A column is there where its first object has it.</summary>
    public static ImageTable JsonLines(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
        ImageTable? table = null;
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using var document = JsonDocument.Parse(line);
                var fields = document.RootElement.EnumerateObject()
                    .ToDictionary(p => p.Name, p => p.Value.ToString(), StringComparer.Ordinal);
                table ??= new ImageTable(path, [.. fields.Keys]);
                var missing = table.header.FirstOrDefault(name => !fields.ContainsKey(name));
                if (missing is not null) throw new InvalidDataException($"{path}, line {number} has no {missing}, as the first line has.");
                table.rows.Add([.. table.header.Select(name => fields[name])]);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
            {
                throw new InvalidDataException($"{path}, line {number} does not parse as a JSON object: {line}", e);
            }
        }
        return table ?? new ImageTable(path, []);
    }

    /// <summary>The pictures of a split, sorted by path.</summary>
    public ImageList ToList(string imageFolder, string? split)
    {
        ArgumentNullException.ThrowIfNull(imageFolder);
        var (file, pid, part) = (Needed("file"), Needed("pid"), split is null ? -1 : Needed("split"));
        var (cam, track) = (Array.IndexOf(header, "cam"), Array.IndexOf(header, "track"));
        long Whole(string?[] row, int column) => column < 0 ? 0
            : long.TryParse(row[column], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
            : throw new InvalidDataException($"{path}: {header[column]} of {row[file]} must be a whole number, got \"{row[column]}\".");
        var samples = rows.Where(row => split is null || row[part] == split)
            .Select(row => new ImageSample(Path.Combine(imageFolder, row[file]!), Whole(row, pid), Whole(row, cam), Whole(row, track)))
            .OrderBy(sample => sample.Path, StringComparer.Ordinal).ToArray();
        return samples.Length > 0 ? new(samples, hasCameras: cam >= 0)
            : throw new InvalidDataException($"{path} has no pictures{(split is null ? "" : $" of split {split}")}.");
    }

    private int Needed(string name)
    {
        var column = Array.IndexOf(header, name);
        return column >= 0 ? column : throw new InvalidDataException($"{path} has no column {name}, only {string.Join(", ", header)}.");
    }
}
