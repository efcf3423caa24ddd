using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.VisualBasic.FileIO;
using SearchOption = System.IO.SearchOption;

namespace MetricLearning.Vision;

/// <summary>Pictures with their identities and cameras, in a fixed order. Immutable.</summary>
/// <remarks>The readers sort by file name, ordinally, so that the list is the same on every machine. Files that are no pictures
/// (by extension) and hidden files are passed over.</remarks>
public sealed partial class ImageList : IReadOnlyList<ImageSample>
{
    private static readonly HashSet<string> extensions =
        new(StringComparer.OrdinalIgnoreCase) { ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".pgm", ".ppm" };

    private readonly ImageSample[] samples;

    /// <summary>A list of these pictures in this order.</summary>
    /// <param name="samples">The pictures.</param>
    /// <param name="hasCameras">Whether <see cref="ImageSample.Camera"/> means something.</param>
    public ImageList(IEnumerable<ImageSample> samples, bool hasCameras = true) : this(samples, hasCameras, null)
    {
    }

    private ImageList(IEnumerable<ImageSample> samples, bool hasCameras, IReadOnlyDictionary<long, string>? names)
    {
        ArgumentNullException.ThrowIfNull(samples);
        this.samples = [.. samples];
        HasCameras = hasCameras;
        IdentityNames = names;
        Identities = [.. this.samples.Select(s => s.Identity).Distinct().Order()];
        var labels = Identities.Select((identity, label) => (identity, label)).ToDictionary(p => p.identity, p => (long)p.label);
        Labels = [.. this.samples.Select(s => labels[s.Identity])];
    }

    /// <summary>The number of pictures.</summary>
    public int Count => samples.Length;

    /// <summary>The picture at a place in the list.</summary>
    public ImageSample this[int index] => samples[index];

    /// <summary>The class of each picture: identities renumbered 0 … C−1 in ascending order.</summary>
    public IReadOnlyList<long> Labels { get; }

    /// <summary>The different identities in ascending order: <c>Identities[label]</c> is the identity of a label.</summary>
    public IReadOnlyList<long> Identities { get; }

    /// <summary>The number of different identities, C.</summary>
    public int ClassCount => Identities.Count;

    /// <summary>Whether the pictures' cameras are known.</summary>
    public bool HasCameras { get; }

    /// <summary>The name of each identity where the list was read from folders, else null.</summary>
    public IReadOnlyDictionary<long, string>? IdentityNames { get; }

    /// <summary>The counts that papers print.</summary>
    public ImageListStatistics Statistics => new(
        HasCameras ? Identities.Count(identity => identity > 0) : Identities.Count,
        Count,
        HasCameras ? samples.Select(s => s.Camera).Distinct().Count() : 0,
        HasCameras ? samples.Count(s => s.Identity == 0) : 0,
        HasCameras ? samples.Count(s => s.Identity == -1) : 0);

    /// <summary>The pictures that pass a test, in the same order.</summary>
    public ImageList Where(Func<ImageSample, bool> predicate) => new(samples.Where(predicate), HasCameras, IdentityNames);

    /// <summary>The pictures that a loader could read: row i of its extracted features belongs to picture i of this list.</summary>
    public ImageList Without(IEnumerable<BadImage> bad)
    {
        ArgumentNullException.ThrowIfNull(bad);
        var paths = bad.Select(b => b.Path).ToHashSet(StringComparer.Ordinal);
        return Where(sample => !paths.Contains(sample.Path));
    }

    /// <summary>The pictures of one folder whose names begin with identity and camera, as in Market-1501
    /// (<c>0002_c1s1_000451_03.jpg</c>: identity 2, camera 1) and CUHK03-NP (<c>0003_c1_21.png</c>).</summary>
    /// <param name="folder">The folder; its subfolders are not read.</param>
    /// <param name="keepJunk">Whether pictures of identity −1 stay in the list. The field's evaluators drop them when they load.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no pictures, or some names do not parse.</exception>
    public static ImageList FromNamedFiles(string folder, bool keepJunk = false)
    {
        var files = Pictures(folder, SearchOption.TopDirectoryOnly);
        var parsed = files.Select(file => (file, match: NamePattern().Match(Path.GetFileName(file)))).ToArray();
        var odd = parsed.Where(p => !p.match.Success).Select(p => Path.GetFileName(p.file)).ToArray();
        if (odd.Length > 0)
            throw new InvalidDataException($"{odd.Length} of {files.Length} pictures in {folder} are not named like " +
                $"0002_c1s1_000451_03.jpg (identity, camera, ...): {Some(odd)}.");
        return new(parsed
            .Select(p => new ImageSample(p.file, Number(p.match.Groups["identity"].Value), Number(p.match.Groups["camera"].Value)))
            .Where(sample => keepJunk || sample.Identity != -1));
    }

    /// <summary>A tree with one folder an identity, at any depth: <c>root/anna/1.jpg</c>, <c>root/greek/alpha/01.png</c>.</summary>
    /// <param name="root">The tree. Identities are numbered from 0 in the ordinal order of their folders' paths
    /// (<see cref="IdentityNames"/> has these); there are no cameras.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no pictures, or some lie in no identity's folder.</exception>
    public static ImageList FromFolders(string root)
    {
        var files = Pictures(root, SearchOption.AllDirectories);
        var folders = files.Select(file => Path.GetRelativePath(root, Path.GetDirectoryName(file)!).Replace('\\', '/')).ToArray();
        var loose = files.Where((_, i) => folders[i] == ".").Select(file => Path.GetFileName(file)!).ToArray();
        if (loose.Length > 0)
            throw new InvalidDataException(
                $"{loose.Length} of {files.Length} pictures in {root} are in no identity's folder: {Some(loose)}.");
        var names = folders.Distinct().Order(StringComparer.Ordinal).ToArray();
        var identities = names.Select((name, identity) => (name, identity)).ToDictionary(p => p.name, p => (long)p.identity);
        return new(files.Select((file, i) => new ImageSample(file, identities[folders[i]], 0)), hasCameras: false,
            identities.ToDictionary(p => p.Value, p => p.Key));
    }

    /// <summary>A list in a CSV file with a header: columns <c>file</c> and <c>pid</c>, by choice <c>cam</c> and <c>split</c>.</summary>
    /// <param name="csv">The file.</param>
    /// <param name="imageFolder">The folder that its names are relative to. The files are not looked for here: the loader reports those
    /// that it does not find.</param>
    /// <param name="split">The value of the column <c>split</c> whose rows are wanted; null for all rows.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A column is missing, a row does not parse, or no row is left.</exception>
    public static ImageList FromCsv(string csv, string imageFolder, string? split = null)
    {
        if (!File.Exists(csv)) throw new FileNotFoundException($"There is no file {csv}.", csv);
        using var parser = new TextFieldParser(csv) { Delimiters = [","], HasFieldsEnclosedInQuotes = true, TrimWhiteSpace = true };
        var header = parser.ReadFields() ?? [];
        int Column(string name, bool needed)
        {
            var column = Array.IndexOf(header, name);
            return column >= 0 || !needed ? column
                : throw new InvalidDataException($"{csv} has no column {name}, only {string.Join(", ", header)}.");
        }
        var (file, pid, cam, part) = (Column("file", true), Column("pid", true), Column("cam", false), Column("split", split is not null));
        var samples = new List<ImageSample>();
        while (Row() is { } row)
            if (split is null || row[part] == split)
                samples.Add(new(Path.Combine(imageFolder, row[file]), Whole(row, pid), cam < 0 ? 0 : Whole(row, cam)));
        if (samples.Count == 0) throw new InvalidDataException($"{csv} has no pictures{(split is null ? "" : $" of split {split}")}.");
        return new(samples.OrderBy(s => s.Path, StringComparer.Ordinal), hasCameras: cam >= 0);

        string[]? Row()
        {
            try
            {
                var row = parser.ReadFields();
                return row is null || row.Length == header.Length ? row : throw new InvalidDataException(
                    $"{csv}, before line {parser.LineNumber}: {header.Length} fields expected, got {row.Length}.");
            }
            catch (MalformedLineException e)
            {
                throw new InvalidDataException($"{csv}, line {parser.ErrorLineNumber} does not parse: {parser.ErrorLine}", e);
            }
        }
        long Whole(string[] row, int column) =>
            long.TryParse(row[column], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value
            : throw new InvalidDataException($"{csv}: {header[column]} of {row[file]} must be a whole number, got \"{row[column]}\".");
    }

    /// <inheritdoc/>
    public IEnumerator<ImageSample> GetEnumerator() => ((IEnumerable<ImageSample>)samples).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>A few items of a long list, for a message.</summary>
    internal static string Some<T>(IReadOnlyCollection<T> items) => string.Join(", ", items.Take(5)) + (items.Count > 5 ? ", ..." : "");

    private static string[] Pictures(string folder, SearchOption depth)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder {folder}.");
        var files = Directory.EnumerateFiles(folder, "*", depth)
            .Where(file => extensions.Contains(Path.GetExtension(file)) && !Path.GetFileName(file).StartsWith('.'))
            .Order(StringComparer.Ordinal).ToArray();
        return files.Length > 0 ? files
            : throw new InvalidDataException($"There are no pictures in {folder} ({string.Join(", ", extensions.Order())}).");
    }

    private static long Number(string digits) => long.Parse(digits, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<identity>-1|[0-9]{1,9})_c(?<camera>[0-9]{1,4})(?![0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
