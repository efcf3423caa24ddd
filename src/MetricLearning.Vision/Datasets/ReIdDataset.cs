using System.Globalization;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>A re-identification dataset: pictures to train on, and queries to find in a gallery. Immutable.</summary>
/// <remarks><see cref="ToString"/> prints the table that papers print, with <see cref="Warnings"/> below it.</remarks>
public sealed class ReIdDataset
{
    /// <summary>Puts a dataset together and checks it.</summary>
    /// <param name="name">What it is called in tables.</param>
    /// <param name="train">Pictures to train on; empty where there is nothing to train.</param>
    /// <param name="query">Pictures to look for.</param>
    /// <param name="gallery">Pictures to find them in; junk and distractors are allowed.</param>
    /// <exception cref="InvalidDataException">No query's identity is in the gallery: nothing could be found.</exception>
    public ReIdDataset(string name, ImageList train, ImageList query, ImageList gallery)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        (Name, Train, Query, Gallery) = (name, train, query, gallery);
        Warnings = [.. Check()];
    }

    /// <summary>What it is called in tables.</summary>
    public string Name { get; }

    /// <summary>The pictures to train on.</summary>
    public ImageList Train { get; }

    /// <summary>The pictures to look for.</summary>
    public ImageList Query { get; }

    /// <summary>The pictures to find them in.</summary>
    public ImageList Gallery { get; }

    /// <summary>What looks wrong but may be meant: identities in both training and test, queries whose identity the gallery has
    /// not.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Market-1501 as its authors pack it: folders <c>bounding_box_train</c>, <c>query</c> and <c>bounding_box_test</c>, names
    /// <c>0002_c1s1_000451_03.jpg</c>. Distractors (0000) stay in the gallery. Zheng et al., ICCV 2015.</summary>
    /// <param name="folder">The folder that holds the three.</param>
    /// <param name="keepJunk">Whether junk (−1) stays in the gallery, for protocols that remove it themselves. The scores are the
    /// same.</param>
    /// <param name="testOnly">Whether to leave <c>bounding_box_train</c> alone, which then need not be there: <see cref="Train"/> is
    /// empty.</param>
    /// <exception cref="DirectoryNotFoundException">A folder is missing.</exception>
    /// <exception cref="InvalidDataException">A folder has no pictures, names do not parse, or no query's identity is in the
    /// gallery.</exception>
    public static ReIdDataset Market1501(string folder, bool keepJunk = false, bool testOnly = false) =>
        ThreeFolders("Market-1501", folder, keepJunk, testOnly);

    /// <summary>CUHK03 in the new protocol (767 identities to train on, 700 to test), one of its folders <c>detected</c> or <c>labeled</c>:
    /// laid out as Market-1501, names <c>0003_c1_21.png</c>, no junk and no distractors. Zhong et al., CVPR 2017.</summary>
    /// <param name="folder">The folder that holds the three.</param>
    /// <param name="testOnly">Whether to leave <c>bounding_box_train</c> alone, which then need not be there: <see cref="Train"/> is
    /// empty.</param>
    /// <inheritdoc cref="Market1501" path="/exception"/>
    public static ReIdDataset Cuhk03NP(string folder, bool testOnly = false) => ThreeFolders("CUHK03-NP", folder, false, testOnly);

    /// <summary>The table of identities, images and cameras, with the warnings below it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Name,-12} | {"ids",6} | {"images",8} | {"cameras",7}");
        text.AppendLine(new string('-', 12) + "-|--------|----------|--------");
        foreach (var (part, list) in new[] { ("train", Train), ("query", Query), ("gallery", Gallery) })
        {
            var count = list.Statistics;
            text.Append(CultureInfo.InvariantCulture, $"{part,-12} | {count.Identities,6:N0} | {count.Images,8:N0} | {count.Cameras,7:N0}");
            if (count.Distractors > 0) text.Append(CultureInfo.InvariantCulture, $"  ({count.Distractors:N0} distractors)");
            if (count.Junk > 0) text.Append(CultureInfo.InvariantCulture, $"  ({count.Junk:N0} junk)");
            text.AppendLine();
        }
        foreach (var warning in Warnings) text.AppendLine(CultureInfo.InvariantCulture, $"warning: {warning}");
        return text.ToString();
    }

    private static ReIdDataset ThreeFolders(string name, string folder, bool keepJunk, bool testOnly)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no folder {folder}.");
        string[] needed = testOnly ? ["query", "bounding_box_test"] : ["bounding_box_train", "query", "bounding_box_test"];
        var missing = needed.Where(part => !Directory.Exists(Path.Combine(folder, part))).ToArray();
        if (missing.Length > 0)
        {
            var inner = Directory.GetDirectories(folder).Order(StringComparer.Ordinal).ToArray();
            var meant = inner.FirstOrDefault(sub => needed.All(part => Directory.Exists(Path.Combine(sub, part))));
            throw new DirectoryNotFoundException($"{folder} is no {name} folder: it has no {string.Join(", no ", missing)}. " +
                (meant is not null ? $"Did you mean {meant}?"
                    : inner.Length == 0 ? "It has no folders." : $"It has {ImageList.Some(inner.Select(Path.GetFileName).ToArray())}."));
        }
        ImageList Read(string part) => ImageList.FromNamedFiles(Path.Combine(folder, part), keepJunk);
        return new(name, testOnly ? new ImageList([]) : Read("bounding_box_train"), Read("query"), Read("bounding_box_test"));
    }

    private IEnumerable<string> Check()
    {
        var gallery = Gallery.Identities.ToHashSet();
        var lost = Query.Identities.Where(identity => !gallery.Contains(identity)).ToArray();
        if (lost.Length == Query.ClassCount)
            throw new InvalidDataException($"{Name}: no query identity appears in the gallery " +
                $"(queries have {ImageList.Some(Query.Identities)}; the gallery has {ImageList.Some(Gallery.Identities)}).");
        if (lost.Length > 0)
            yield return $"{lost.Length} of {Query.ClassCount} query identities are nowhere in the gallery: {ImageList.Some(lost)}. " +
                $"Their {Query.Count(sample => lost.Contains(sample.Identity))} queries cannot be scored.";
        var both = Train.Identities.Where(identity => identity > 0 && gallery.Contains(identity)).ToArray();
        if (both.Length > 0)
            yield return $"{both.Length} identities are in training and in the gallery: {ImageList.Some(both)}. Scores on them say little.";
    }
}
