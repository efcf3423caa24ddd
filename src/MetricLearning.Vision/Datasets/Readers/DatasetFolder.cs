using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>The folder of a published dataset: what must be in it, and its list files. Errors say what was expected, what was found and
/// where the dataset is.</summary>
internal sealed class DatasetFolder
{
    private readonly PublishedDataset dataset;

    /// <summary>Opens a folder that must have these files and folders.</summary>
    public DatasetFolder(PublishedDataset dataset, string root, params string[] needed)
    {
        ArgumentException.ThrowIfNullOrEmpty(root, "folder");
        (this.dataset, Root) = (dataset, root);
        if (!Directory.Exists(root)) throw new DirectoryNotFoundException($"There is no folder {root}. {Hint}");
        var missing = needed.Where(part => !Has(root, part)).ToArray();
        if (missing.Length == 0) return;
        var found = Directory.GetFileSystemEntries(root).Order(StringComparer.Ordinal).ToArray();
        var meant = found.FirstOrDefault(sub => needed.All(part => Has(sub, part)));
        throw new DirectoryNotFoundException($"{root} is no {dataset.Name} folder: it has no {string.Join(", no ", missing)}. " +
            (meant is not null ? $"Did you mean {meant}?"
                : found.Length == 0 ? $"It is empty. {Hint}"
                : $"It has {ImageList.Some(found.Select(Path.GetFileName).ToArray())}. {Hint}"));
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    private string Hint => $"{dataset.Name} needs {dataset.Layout}; its authors give it out at {dataset.Source} ({dataset.Terms}).";

    /// <summary>The first of these files or folders that is there; the first, where none is.</summary>
    public string First(params string[] parts) => parts.FirstOrDefault(part => Has(Root, part)) ?? parts[0];

    /// <summary>The path of a file or folder in it.</summary>
    public string Under(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The rows of a list file that has its fields between blanks, after its heading.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fields">How many fields each row has.</param>
    /// <param name="heading">How many lines precede the rows.</param>
    public IEnumerable<ListRow> Rows(string file, int fields, int heading = 0)
    {
        var path = Under(file);
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            if (++number <= heading || string.IsNullOrWhiteSpace(line)) continue;
            var values = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (values.Length != fields)
                throw new InvalidDataException($"{path}, line {number}: {fields} fields expected, got \"{line}\".");
            yield return new(path, number, values);
        }
    }

    /// <summary>A list of these pictures, sorted by path, all of which must be there.</summary>
    public ImageList List(IEnumerable<ImageSample> samples, bool hasCameras)
    {
        var sorted = samples.OrderBy(sample => sample.Path, StringComparer.Ordinal).ToArray();
        var missing = sorted.Where(sample => !File.Exists(sample.Path)).Select(sample => sample.Path).ToArray();
        return missing.Length == 0 ? new(sorted, hasCameras) : throw new FileNotFoundException(
            $"{missing.Length} of {sorted.Length} pictures that {dataset.Name} lists are not there: {ImageList.Some(missing)}. {Hint}",
            missing[0]);
    }

    private static bool Has(string root, string part) => Path.Exists(Path.Combine(root, part));
}

/// <summary>A row of a list file.</summary>
internal readonly record struct ListRow(string File, int Line, string[] Values)
{
    public string this[int field] => Values[field];

    /// <summary>A field that must be a whole number.</summary>
    public long Whole(int field) =>
        long.TryParse(Values[field], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
        : throw new InvalidDataException($"{File}, line {Line}: field {field + 1} must be a whole number, got \"{Values[field]}\".");
}
