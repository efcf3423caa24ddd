using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>The folder of a published dataset. It checks what must be in the folder and reads the dataset's list files. Its errors say what
/// was expected, what was found and where the dataset is available.</summary>
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
        throw new DirectoryNotFoundException($"{root} is not a folder of {dataset.Name}: it has no {string.Join(", no ", missing)}. " +
            (meant is not null ? $"Did you mean {meant}?"
                : found.Length == 0 ? $"It is empty. {Hint}"
                : $"It has {MessageText.Some(found.Select(Path.GetFileName).ToArray())}. {Hint}"));
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    private string Hint => $"{dataset.Name} needs {dataset.Layout}; its authors provide it at {dataset.Source} ({dataset.Terms}).";

    /// <summary>The first of these files or folders that exists; the first of all if none exists.</summary>
    public string First(params string[] parts) => parts.FirstOrDefault(part => Has(Root, part)) ?? parts[0];

    /// <summary>The path of a file or folder in this folder.</summary>
    public string Under(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Reads the rows of a list file whose fields are separated by blanks.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fields">The number of fields that each row must have.</param>
    /// <param name="heading">The name of the first column, if the file has a line of names. The rows begin after this line. Null if they
    /// begin at the first line.</param>
    public IEnumerable<ListRow> Rows(string file, int fields, string? heading = null)
    {
        var begun = heading is null;
        foreach (var row in Rows(file))
            if (begun) yield return row.Fields.Length == fields ? row : throw row.Fault(string.Create(
                CultureInfo.InvariantCulture, $"{fields} fields expected, got \"{MessageText.Excerpt(string.Join(' ', row.Fields))}\"."));
            else if (row[0] == heading) begun = true;
            else if (row.Fields.Length == fields) throw row.Fault($"the names of the columns, {heading} ..., must come before the rows.");
    }

    /// <summary>Reads the rows of a list file. Each has any number of fields, separated by blanks. Empty lines are skipped.</summary>
    public IEnumerable<ListRow> Rows(string file)
    {
        var path = Under(file);
        foreach (var (number, line) in TextLines.Read(path))
            if (line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } fields)
                yield return new(path, number, fields);
    }

    /// <summary>Makes a list of these images, sorted by path. There must be images, all their files must exist, and no image may have two
    /// identities.</summary>
    /// <param name="samples">The images.</param>
    /// <param name="hasCameras">Whether their cameras are known.</param>
    /// <param name="source">The list that errors name.</param>
    public ImageList List(IEnumerable<ImageSample> samples, bool hasCameras, string source)
    {
        var sorted = samples.OrderBy(sample => sample.Path, StringComparer.Ordinal).ToArray();
        if (sorted.Length == 0) throw new InvalidDataException($"There are no images in {source}.");
        if (ImageList.FirstConflict(sorted) is var (one, other)) throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
            $"{MessageText.Excerpt(one.Path)} has the identities {one.Identity} and {other.Identity} in {source}: an image shows one."));
        var missing = sorted.Where(sample => !File.Exists(sample.Path)).Select(sample => sample.Path).ToArray();
        return missing.Length == 0 ? new(sorted, hasCameras) : throw new FileNotFoundException(
            $"{missing.Length} of {sorted.Length} images that {dataset.Name} lists in {Root} do not exist: " +
                $"{MessageText.Some(missing)}. {Hint}", missing[0]);
    }

    private static bool Has(string root, string part) => Path.Exists(Path.Combine(root, part));
}
