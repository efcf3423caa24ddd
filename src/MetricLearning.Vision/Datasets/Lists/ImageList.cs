using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;

namespace MetricLearning.Vision;

/// <summary>Images with their identities and cameras, in a fixed order.</summary>
/// <remarks>The readers sort the images by path in ordinal order, so the list is the same on every machine. They skip hidden files, hidden
/// folders below the given one, and files whose extension is not that of an image. Thread safety: immutable; any number of threads may use
/// it at once.</remarks>
public sealed partial class ImageList : IReadOnlyList<ImageSample>
{
    private readonly ImageSample[] samples;
    private readonly long[]? labels;

    /// <summary>Makes a list of these images in this order.</summary>
    /// <param name="samples">The images.</param>
    /// <param name="hasCameras">Whether the cameras of the images are known. Say true if the only camera of the list has the number 0.
    /// Default: null, they are known if an image has a camera other than 0.</param>
    /// <param name="countsFromZero">See <see cref="CountsFromZero"/>. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="samples"/> is null or has an entry that is null.</exception>
    public ImageList(IEnumerable<ImageSample> samples, bool? hasCameras = null, bool countsFromZero = false)
        : this(samples, hasCameras, null, countsFromZero: countsFromZero)
    {
    }

    private ImageList(IEnumerable<ImageSample> samples, bool? hasCameras, IReadOnlyDictionary<long, string>? names,
        bool hasIdentities = true, bool countsFromZero = false)
    {
        ArgumentNullException.ThrowIfNull(samples);
        this.samples = [.. samples];
        if (Array.IndexOf(this.samples, null) is var missing and >= 0)
            throw new ArgumentException($"samples must not have null entries, but entry {missing} is null.", nameof(samples));
        HasCameras = hasCameras ?? Array.Exists(this.samples, sample => sample.Camera != 0);
        (HasIdentities, CountsFromZero, IdentityNames) = (hasIdentities, countsFromZero, names);
        Identities = hasIdentities ? [.. this.samples.Select(s => s.Identity).Distinct().Order()] : [];
        if (!hasIdentities) return;
        var labels = Identities.Select((identity, label) => (identity, label)).ToDictionary(p => p.identity, p => (long)p.label);
        this.labels = [.. this.samples.Select(s => labels[s.Identity])];
    }

    /// <summary>The number of images.</summary>
    public int Count => samples.Length;

    /// <summary>The image at a position of the list.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such position.</exception>
    public ImageSample this[int index] => samples[Guard.Index(index, samples.Length)];

    /// <summary>The label (class index) of each image: the identities renumbered 0 … C−1 in ascending order.</summary>
    /// <exception cref="InvalidOperationException">The list has no identities.</exception>
    public IReadOnlyList<long> Labels => labels ?? throw new InvalidOperationException(
        $"The {Count} images of this list have no identities, so they have no labels to train on.");

    /// <summary>The different identities in ascending order: <c>Identities[label]</c> is the identity of a label. Empty if the list has no
    /// identities.</summary>
    public IReadOnlyList<long> Identities { get; }

    /// <summary>The number of different identities, C.</summary>
    public int ClassCount => Identities.Count;

    /// <summary>Whether the cameras of the images are known.</summary>
    public bool HasCameras { get; }

    /// <summary>Whether the identities of the images are known. A list without identities can be embedded and searched, but it cannot be
    /// used for training or evaluation. Each of its images has the identity −1.</summary>
    public bool HasIdentities { get; }

    /// <summary>Whether the identities are numbered from 0, so that 0 is an identity like any other. If not, and if the list has cameras, 0
    /// marks distractors, as in re-identification. A distractor is an image that matches no query.</summary>
    public bool CountsFromZero { get; }

    /// <summary>The smallest identity that is neither junk nor a distractor.</summary>
    private long First => !HasCameras ? ImageSample.LeastIdentity : CountsFromZero ? 0 : 1;

    /// <summary>The name of each identity, if the list was read from folders or combined from other lists; otherwise null.</summary>
    public IReadOnlyDictionary<long, string>? IdentityNames { get; }

    /// <summary>The counts that papers print.</summary>
    public ImageListStatistics Statistics => new(
        Identities.Count(IsSomebody),
        Count,
        HasCameras ? samples.Select(s => s.Camera).Distinct().Count() : 0,
        HasCameras && !CountsFromZero ? samples.Count(s => s.Identity == 0) : 0,
        HasCameras && HasIdentities ? samples.Count(s => s.Identity == ImageSample.LeastIdentity) : 0);

    /// <summary>Gives the images for which a predicate is true, in the same order.</summary>
    /// <param name="predicate">Returns whether an image stays in the list.</param>
    /// <exception cref="ArgumentNullException"><paramref name="predicate"/> is null.</exception>
    public ImageList Where(Func<ImageSample, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        return Where((sample, _) => predicate(sample));
    }

    /// <summary>Gives the list without the images that a loader could not read. Row i of the features that the loader extracted belongs to
    /// image i of the result.</summary>
    /// <param name="bad">The <see cref="ImageLoader.Skipped"/> of the loader.</param>
    /// <exception cref="ArgumentException">An entry of <paramref name="bad"/> is null, or several images of this list have one path and
    /// only some of them are in <paramref name="bad"/>, so it is not known which of them could not be read.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="bad"/> is null.</exception>
    public ImageList Without(IEnumerable<BadImage> bad)
    {
        var paths = Guard.Items(bad).ToLookup(b => b.Path, StringComparer.Ordinal);
        foreach (var same in samples.Select(s => s.Path).Where(paths.Contains).GroupBy(path => path, StringComparer.Ordinal))
            if (same.Count() is var count && count > paths[same.Key].Count())
                throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                    $"bad has {paths[same.Key].Count()} of the {count} images of the path {MessageText.Excerpt(same.Key)}, so it is not ")
                        + "known which to leave out: give each image its own path.", nameof(bad));
        return Where(sample => !paths.Contains(sample.Path));
    }

    /// <summary>Reads the images of one folder. Their names begin with identity and camera, as in Market-1501
    /// (<c>0002_c1s1_000451_03.jpg</c>: identity 2, camera 1) and CUHK03-NP (<c>0003_c1_21.png</c>).</summary>
    /// <param name="folder">The folder; its subfolders are not read.</param>
    /// <param name="keepJunk">Whether images of identity −1 stay in the list. The field's evaluators drop them when they load. Default:
    /// false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no images, or only junk that does not stay; some names do not parse, or some are not
    /// UTF-8.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be read.</exception>
    public static ImageList FromNamedFiles(string folder, bool keepJunk = false)
    {
        return Named(folder, Files(ImageFolder.FilesIn(folder)), keepJunk);
    }

    /// <summary>Makes a list of images without identities.</summary>
    /// <param name="samples">The images. Their identities become −1.</param>
    /// <param name="hasCameras">Whether the cameras of the images are known. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="samples"/> is null or has an entry that is null.</exception>
    public static ImageList WithoutIdentities(IEnumerable<ImageSample> samples, bool hasCameras = false)
    {
        ArgumentNullException.ThrowIfNull(samples);
        return new(samples.Select(sample => sample is null ? null! : sample with { Identity = ImageSample.LeastIdentity }), hasCameras,
            null, hasIdentities: false);
    }

    /// <summary>Reads the images of one folder as a list without identities. The names may be anything.</summary>
    /// <param name="folder">The folder; its subfolders are not read.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no images, or some names are not UTF-8.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be read.</exception>
    public static ImageList FromFlatFolder(string folder) => WithoutIdentities(Files(ImageFolder.FilesIn(folder)));

    /// <summary>Reads a tree that has one folder per identity, at any depth: <c>root/anna/1.jpg</c>,
    /// <c>root/greek/alpha/01.png</c>.</summary>
    /// <remarks>Identities are numbered from 0 in the ordinal order of their folders' paths; <see cref="IdentityNames"/> has these paths.
    /// There are no cameras. Each real folder is read once, even if several symbolic links lead to it. An image that both a real path and
    /// a link reach has the real path. A link to a folder that contains the root is not followed.</remarks>
    /// <param name="root">The root of the tree.</param>
    /// <exception cref="ArgumentException"><paramref name="root"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no images, some images are not in the folder of an identity, or some names are not
    /// UTF-8.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder cannot be read.</exception>
    public static ImageList FromFolders(string root)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        var files = ImageFolder.FilesBelow(root);
        var folders = files.Select(file => Path.GetRelativePath(root, Path.GetDirectoryName(file)!)
            .Replace(Path.DirectorySeparatorChar, '/')).ToArray();
        var loose = files.Where((_, i) => folders[i] == ".").Select(file => Path.GetFileName(file)!).ToArray();
        if (loose.Length > 0)
            throw new InvalidDataException(
                $"{loose.Length} of {files.Length} images in {root} are not in the folder of an identity: {MessageText.Some(loose)}.");
        var names = folders.Distinct().Order(StringComparer.Ordinal).ToArray();
        var identities = names.Select((name, identity) => (name, identity)).ToDictionary(p => p.name, p => (long)p.identity);
        return new(files.Select((file, i) => new ImageSample(file, identities[folders[i]], 0)), hasCameras: false,
            identities.ToDictionary(p => p.Value, p => p.Key));
    }

    /// <summary>Reads a list from a CSV file with a header: the columns <c>file</c> and <c>pid</c> (identity), and optionally <c>cam</c>
    /// (camera), <c>track</c> and <c>split</c>.</summary>
    /// <param name="csv">The file, in UTF-8.</param>
    /// <param name="imageFolder">The folder that the names in the file are relative to. This method does not check that the image files
    /// exist: the loader reports those that it does not find.</param>
    /// <param name="split">Only rows with this value in the column <c>split</c> are read; null for all rows.</param>
    /// <param name="countsFromZero">See <see cref="CountsFromZero"/>. Default: false.</param>
    /// <exception cref="ArgumentNullException"><paramref name="imageFolder"/> is null.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A column is missing, a row does not parse, or no row is left.</exception>
    public static ImageList FromCsv(string csv, string imageFolder, string? split = null, bool countsFromZero = false) =>
        ImageTable.Csv(csv).ToList(imageFolder, split, countsFromZero);

    /// <summary>Reads a list from a file of JSON lines, one object per image: <c>{"file": "a.jpg", "pid": 7, "cam": 1, "split":
    /// "train"}</c>. Only <c>file</c> and <c>pid</c> are required. Every line must have the fields that the first line has, and <c>cam</c>,
    /// <c>track</c> and <c>split</c> only if the first line has them.</summary>
    /// <param name="file">The file, in UTF-8.</param>
    /// <param name="imageFolder">The folder that the names in the file are relative to. This method does not check that the image files
    /// exist.</param>
    /// <param name="split">Only lines with this value of <c>split</c> are read; null for all lines.</param>
    /// <param name="countsFromZero">See <see cref="CountsFromZero"/>. Default: false.</param>
    /// <exception cref="ArgumentNullException"><paramref name="imageFolder"/> is null.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A field is missing, a line does not parse, or no line is left.</exception>
    public static ImageList FromJsonLines(string file, string imageFolder, string? split = null, bool countsFromZero = false) =>
        ImageTable.JsonLines(file).ToList(imageFolder, split, countsFromZero);

    /// <summary>Joins several lists, for training on several datasets. The identities and cameras are renumbered so that those of different
    /// lists never coincide.</summary>
    /// <remarks>Identities become 1, 2, … in the order of the lists, and cameras likewise. If a list has cameras, its distractors (0,
    /// unless the list <see cref="CountsFromZero"/>) and its junk (−1) are left out, since they are not identities to train on. Tracks are
    /// left out too. <see cref="IdentityNames"/> says which list and identity each new identity comes from: <c>2/1043</c> is identity 1043
    /// of the third list.</remarks>
    /// <param name="lists">The lists. All images of a list without cameras count as images of one camera.</param>
    /// <exception cref="ArgumentException"><paramref name="lists"/> is null or has an entry that is null or has no identities.</exception>
    public static ImageList Combine(params IReadOnlyList<ImageList> lists)
    {
        ArgumentNullException.ThrowIfNull(lists);
        if (lists.Contains(null)) throw new ArgumentException("lists must not have null entries.", nameof(lists));
        var samples = new List<ImageSample>();
        var names = new Dictionary<long, string>();
        long identities = 0, cameras = 0;
        foreach (var (list, place) in lists.Select((list, place) => (list, place)))
        {
            if (!list.HasIdentities)
                throw new ArgumentException($"lists must have identities, but list {place} has none.", nameof(lists));
            var kept = list.Where(sample => list.IsSomebody(sample.Identity));
            long CameraIn(ImageSample sample) => list.HasCameras ? sample.Camera : 0;
            var cameraOf = kept.Select(CameraIn).Distinct().Order().Select((camera, i) => (camera, i))
                .ToDictionary(pair => pair.camera, pair => cameras + pair.i + 1);
            samples.AddRange(kept.Select((sample, i) =>
                sample with { Identity = identities + kept.Labels[i] + 1, Camera = cameraOf[CameraIn(sample)], Track = 0 }));
            foreach (var (identity, label) in kept.Identities.Select((identity, label) => (identity, label)))
                names[identities + label + 1] = string.Create(CultureInfo.InvariantCulture,
                    $"{place}/{list.IdentityNames?.GetValueOrDefault(identity) ?? identity.ToString(CultureInfo.InvariantCulture)}");
            identities += kept.ClassCount;
            cameras += cameraOf.Count;
        }
        return new(samples, lists.Any(list => list.HasCameras), names);
    }

    /// <summary>Divides the identities at random into two parts: no identity is in both.</summary>
    /// <param name="share">The share of the identities that goes to the first part, in (0, 1). The number of identities is rounded, and
    /// each part gets at least one.</param>
    /// <param name="seed">The seed of the division: the same seed gives the same parts.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="share"/> is not in (0, 1).</exception>
    /// <exception cref="InvalidOperationException">There are fewer than two identities.</exception>
    public (ImageList First, ImageList Second) SplitIdentities(double share, ulong seed)
    {
        Guard.Between(share, 0, 1);
        if (ClassCount < 2) throw new InvalidOperationException($"There must be two identities to divide, got {ClassCount}.");
        long[] order = [.. Identities];
        new SeededRandom(seed).Shuffle<long>(order);
        var first = order[..Math.Clamp((int)Math.Round(share * order.Length), 1, order.Length - 1)].ToHashSet();
        return (Where(sample => first.Contains(sample.Identity)), Where(sample => !first.Contains(sample.Identity)));
    }

    /// <summary>Divides the images of each identity: the first ones, in the order of the list, go to the first part, the others to the
    /// second.</summary>
    /// <param name="perIdentity">The number of images of each identity in the first part, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="perIdentity"/> is less than 1.</exception>
    public (ImageList First, ImageList Others) SplitImages(int perIdentity)
    {
        Guard.AtLeast(perIdentity, 1);
        var taken = new Dictionary<long, int>();
        // By position: an image may be in the list more than once.
        bool[] isFirst = [.. samples.Select(s => (taken[s.Identity] = taken.GetValueOrDefault(s.Identity) + 1) <= perIdentity)];
        return (Where((_, i) => isFirst[i]), Where((_, i) => !isFirst[i]));
    }

    /// <summary>Makes a list of images whose names begin with identity and camera.</summary>
    /// <param name="where">The folder or archive that errors name.</param>
    /// <param name="files">The images, without identities.</param>
    /// <param name="keepJunk">Whether images of identity −1 stay in the list.</param>
    internal static ImageList Named(string where, IReadOnlyList<ImageSample> files, bool keepJunk)
    {
        var parsed = files.Select(file => (file, says: IdentityAndCamera(Path.GetFileName(file.Path)))).ToArray();
        var odd = parsed.Where(p => p.says is null).Select(p => Path.GetFileName(p.file.Path)).ToArray();
        if (odd.Length > 0)
            throw new InvalidDataException($"{odd.Length} of {files.Count} images in {where} are not named like " +
                $"0002_c1s1_000451_03.jpg (identity, camera, ...): {MessageText.Some(odd)}.");
        var kept = parsed.Select(p => p.file with { Identity = p.says!.Value.Identity, Camera = p.says.Value.Camera })
            .Where(sample => keepJunk || sample.Identity != ImageSample.LeastIdentity).ToArray();
        return kept.Length > 0 || files.Count == 0 ? new(kept, hasCameras: true)
            : throw new InvalidDataException($"All images in {where} are junk (identity -1), which the list leaves out.");
    }

    private static ImageSample[] Files(IEnumerable<string> paths) => [.. paths.Select(path => new ImageSample(path, 0, 0))];

    /// <summary>Gives the images for which a predicate of the image and its position is true.</summary>
    internal ImageList Where(Func<ImageSample, int, bool> predicate) =>
        new(samples.Where(predicate), HasCameras, IdentityNames, HasIdentities, CountsFromZero);

    /// <summary>Two entries of the first image that has several identities; null if each image has one.</summary>
    /// <param name="sorted">The images, sorted by path.</param>
    internal static (ImageSample One, ImageSample Other)? FirstConflict(IReadOnlyList<ImageSample> sorted)
    {
        for (var i = 1; i < sorted.Count; i++)
            if (sorted[i].Path == sorted[i - 1].Path && sorted[i].Identity != sorted[i - 1].Identity) return (sorted[i - 1], sorted[i]);
        return null;
    }

    /// <summary>The label of an image; 0 if the list has no identities.</summary>
    internal long LabelOf(int index) => labels?[index] ?? 0;

    /// <summary>The same images with <paramref name="offset"/> added to each identity.</summary>
    internal ImageList Renumbered(long offset) => new(samples.Select(s => s with { Identity = s.Identity + offset }), HasCameras,
        IdentityNames?.ToDictionary(pair => pair.Key + offset, pair => pair.Value), HasIdentities, CountsFromZero);

    /// <summary>The images of a part that a reader with cameras was not asked for.</summary>
    internal static ImageList None { get; } = new([], hasCameras: true);

    /// <summary>Whether an identity of this list is a real one: neither junk nor a distractor.</summary>
    internal bool IsSomebody(long identity) => identity >= First;

    /// <summary>The identity and camera in a name like <c>0002_c1s1_000451_03.jpg</c>; null if the name has another form.</summary>
    internal static (long Identity, long Camera)? IdentityAndCamera(string name) =>
        NamePattern().Match(name) is { Success: true } match
            ? (Number(match.Groups["identity"].Value), Number(match.Groups["camera"].Value)) : null;

    /// <inheritdoc/>
    public IEnumerator<ImageSample> GetEnumerator() => ((IEnumerable<ImageSample>)samples).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static long Number(string digits) => long.Parse(digits, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<identity>-1|[0-9]{1,9})_c(?<camera>[0-9]{1,4})(?![0-9])", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
