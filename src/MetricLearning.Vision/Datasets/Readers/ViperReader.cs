using System.Globalization;
using System.Text.RegularExpressions;

namespace MetricLearning.Vision;

/// <summary>Reads VIPeR and draws its divisions into training and test, by the protocol of torchreid.</summary>
internal static partial class ViperReader
{
    /// <summary>Ten random divisions, each with either camera as the queries.</summary>
    private const int Splits = 20;

    public static DatasetParts Read(string folder, int split, ulong seed, bool testOnly)
    {
        Guard.Index(split, Splits);
        var facts = PublishedDataset.Viper;
        var root = new DatasetFolder(facts, folder, "cam_a", "cam_b");
        var (a, b) = (Pictures(root.Under("cam_a"), camera: 1), Pictures(root.Under("cam_b"), camera: 2));
        var alone = a.Keys.Union(b.Keys).Where(person => !a.ContainsKey(person) || !b.ContainsKey(person)).Order().ToArray();
        if (alone.Length > 0) throw new InvalidDataException($"{folder}: each person must have an image in cam_a and one in cam_b, but "
            + $"only one of them has {MessageText.Some([.. alone.Select(Shown)])}.");
        if (a.Count < 2) throw new InvalidDataException($"{folder} has images of one person only, but there must be two to divide.");
        // The draw goes in the order of the people, so it depends only on their number and the seed.
        var people = a.Keys.Order().ToArray();
        SeededRandom.ForStream(seed, 0, (ulong)(split / 2)).Shuffle<long>(people);
        var (train, test) = (people[..(people.Length / 2)], people[(people.Length / 2)..]);
        var (query, gallery) = split % 2 == 0 ? (a, b) : (b, a);
        return new(string.Create(CultureInfo.InvariantCulture, $"VIPeR split {split}"),
            testOnly ? ImageList.None : List(train.SelectMany(person => new[] { a[person], b[person] })),
            List(test.Select(person => query[person])), List(test.Select(person => gallery[person])),
            RetrievalProtocol.Market1501 with { Name = facts.Name }, facts);

        ImageList List(IEnumerable<ImageSample> samples) => root.List(samples, true, folder);
    }

    /// <summary>The image of each person in the folder of a camera.</summary>
    private static Dictionary<long, ImageSample> Pictures(string folder, long camera)
    {
        var found = new Dictionary<long, ImageSample>();
        foreach (var path in ImageFolder.FilesIn(folder))
        {
            var match = NamePattern().Match(Path.GetFileName(path));
            if (!match.Success) throw new InvalidDataException(
                $"{folder}: {MessageText.Excerpt(Path.GetFileName(path))} is not named like 000_45.bmp (person, direction of view).");
            var person = long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            // The people are numbered from 0, and the identity 0 is that of distractors.
            if (!found.TryAdd(person, new ImageSample(path, person + 1, camera))) throw new InvalidDataException(
                $"{folder}: {MessageText.Excerpt(Path.GetFileName(path))} is a second image of the person "
                + $"{Shown(person)}.");
        }
        return found;
    }

    private static string Shown(long person) => person.ToString("000", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^([0-9]{1,9})_[0-9]{1,9}\.[a-zA-Z]+$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
