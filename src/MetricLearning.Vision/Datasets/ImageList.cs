using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;

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
        var parsed = files.Select(file => (file, says: IdentityAndCamera(Path.GetFileName(file)))).ToArray();
        var odd = parsed.Where(p => p.says is null).Select(p => Path.GetFileName(p.file)).ToArray();
        if (odd.Length > 0)
            throw new InvalidDataException($"{odd.Length} of {files.Length} pictures in {folder} are not named like " +
                $"0002_c1s1_000451_03.jpg (identity, camera, ...): {Some(odd)}.");
        return new(parsed
            .Select(p => new ImageSample(p.file, p.says!.Value.Identity, p.says.Value.Camera))
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

    /// <summary>A list in a CSV file with a header: columns <c>file</c> and <c>pid</c>, by choice <c>cam</c>, <c>track</c> and
    /// <c>split</c>.</summary>
    /// <param name="csv">The file.</param>
    /// <param name="imageFolder">The folder that its names are relative to. The files are not looked for here: the loader reports those
    /// that it does not find.</param>
    /// <param name="split">The value of the column <c>split</c> whose rows are wanted; null for all rows.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A column is missing, a row does not parse, or no row is left.</exception>
    public static ImageList FromCsv(string csv, string imageFolder, string? split = null) =>
        ImageTable.Csv(csv).ToList(imageFolder, split);

    /// <summary>A list in a file of JSON lines, an object a picture: <c>{"file": "a.jpg", "pid": 7, "cam": 1, "split": "train"}</c>; the
    /// first two are needed.</summary>
    /// <param name="file">The file.</param>
    /// <param name="imageFolder">The folder that its names are relative to. The files are not looked for here.</param>
    /// <param name="split">The value of <c>split</c> that is wanted; null for all lines.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A name is missing, a line does not parse, or none is left.</exception>
    public static ImageList FromJsonLines(string file, string imageFolder, string? split = null) =>
        ImageTable.JsonLines(file).ToList(imageFolder, split);

    /// <summary>Several lists as one, for training on several datasets: identities and cameras of each are renumbered so that none
    /// coincide.</summary>
    /// <remarks>Identities become 1 … in the order of the lists, cameras likewise; distractors (0) and junk (−1), which show nobody to be
    /// told apart, are left out, and so are tracks. <see cref="IdentityNames"/> says of each identity which list and identity it was:
    /// <c>2/1043</c> is identity 1043 of the third list.</remarks>
    /// <param name="lists">The lists. Where one has no cameras, all its pictures count as one camera's.</param>
    public static ImageList Combine(params IReadOnlyList<ImageList> lists)
    {
        ArgumentNullException.ThrowIfNull(lists);
        var samples = new List<ImageSample>();
        var names = new Dictionary<long, string>();
        long identities = 0, cameras = 0;
        foreach (var (list, place) in lists.Select((list, place) => (list, place)))
        {
            var kept = list.HasCameras ? list.Where(sample => sample.Identity > 0) : list;
            var cameraOf = kept.Select(s => s.Camera).Distinct().Order().Select((camera, i) => (camera, i))
                .ToDictionary(pair => pair.camera, pair => cameras + pair.i + 1);
            samples.AddRange(kept.Select((sample, i) =>
                sample with { Identity = identities + kept.Labels[i] + 1, Camera = cameraOf[sample.Camera], Track = 0 }));
            foreach (var (identity, label) in kept.Identities.Select((identity, label) => (identity, label)))
                names[identities + label + 1] = string.Create(CultureInfo.InvariantCulture,
                    $"{place}/{list.IdentityNames?.GetValueOrDefault(identity) ?? identity.ToString(CultureInfo.InvariantCulture)}");
            identities += kept.ClassCount;
            cameras += cameraOf.Count;
        }
        return new(samples, lists.Any(list => list.HasCameras), names);
    }

    /// <summary>Divides the identities at random: no identity is in both parts.</summary>
    /// <param name="share">How many of the identities go to the first part, in (0, 1), rounded to a whole number; each part gets one at
    /// least.</param>
    /// <param name="seed">The same seed, the same parts.</param>
    /// <exception cref="InvalidOperationException">There are fewer than two identities.</exception>
    public (ImageList First, ImageList Second) SplitIdentities(double share, ulong seed)
    {
        Guard.Positive(1 - Guard.Positive(share), nameof(share));
        if (ClassCount < 2) throw new InvalidOperationException($"There must be two identities to divide, got {ClassCount}.");
        long[] order = [.. Identities];
        new SeededRandom(seed).Shuffle<long>(order);
        var first = order[..Math.Clamp((int)Math.Round(share * order.Length), 1, order.Length - 1)].ToHashSet();
        return (Where(sample => first.Contains(sample.Identity)), Where(sample => !first.Contains(sample.Identity)));
    }

    /// <summary>The first pictures of each identity, in the order of the list, and the others.</summary>
    /// <param name="perIdentity">How many of each identity.</param>
    public (ImageList First, ImageList Others) SplitPictures(int perIdentity)
    {
        Guard.AtLeast(perIdentity, 1);
        var first = this.GroupBy(sample => sample.Identity).SelectMany(group => group.Take(perIdentity)).ToHashSet();
        return (Where(first.Contains), Where(sample => !first.Contains(sample)));
    }

    /// <summary>The same pictures with this much added to each identity.</summary>
    internal ImageList Renumbered(long offset) => new(samples.Select(s => s with { Identity = s.Identity + offset }), HasCameras,
        IdentityNames?.ToDictionary(pair => pair.Key + offset, pair => pair.Value));

    /// <summary>What a name like <c>0002_c1s1_000451_03.jpg</c> says, or null.</summary>
    internal static (long Identity, long Camera)? IdentityAndCamera(string name) =>
        NamePattern().Match(name) is { Success: true } match
            ? (Number(match.Groups["identity"].Value), Number(match.Groups["camera"].Value)) : null;

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
