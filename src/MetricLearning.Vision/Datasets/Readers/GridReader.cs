using System.Globalization;
using System.Text.RegularExpressions;

namespace MetricLearning.Vision;

/// <summary>Reads GRID by one of its authors' divisions, as torchreid does.</summary>
internal static partial class GridReader
{
    private const string Partitions = "features_and_partitions.mat";

    public static DatasetParts Read(string folder, int split, bool testOnly)
    {
        Guard.AtLeast(split, 0);
        var facts = PublishedDataset.Grid;
        var root = new DatasetFolder(facts, folder, "probe", "gallery", Partitions);
        var file = root.Under(Partitions);
        var splits = MatElements.Find(file, "the file of GRID's divisions", "trainIdxAll", "cell array trainIdxAll of structures",
            TrainingPeople);
        if (split >= splits.Count) throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
            $"{file} has splits 0 to {splits.Count - 1}, not {split}."));
        var (probe, gallery) = (Pictures(root.Under("probe")), Pictures(root.Under("gallery")));
        var training = splits[split];
        return new(string.Create(CultureInfo.InvariantCulture, $"GRID split {split}"),
            testOnly ? ImageList.None : List(probe.Concat(gallery), true, "probe and gallery"), List(probe, false, "probe"),
            List(gallery, false, "gallery"), RetrievalProtocol.Market1501 with { Name = facts.Name }, facts);

        ImageList List(IEnumerable<ImageSample> samples, bool train, string part) => root.List(
            samples.Where(sample => training.Contains(sample.Identity) == train), true,
            $"{part} of {folder} for the {(train ? "training" : "test")} of split {split}");
    }

    /// <summary>The people for training in each division: the third field of each structure. Null for another array.</summary>
    private static List<HashSet<long>>? TrainingPeople(ReadOnlySpan<byte> array)
    {
        var (_, flags) = MatElements.Next(ref array);
        for (var i = 0; i < 2; i++) MatElements.Next(ref array);        // sizes and name
        if (flags.Length < 4 || flags[0] != MatElements.CellClass) return null;
        var splits = new List<HashSet<long>>();
        while (array.Length > 0)
        {
            var (type, cell) = MatElements.Next(ref array);
            if (type != MatElements.Matrix) throw new InvalidDataException($"an entry of trainIdxAll is stored as type {type}");
            splits.Add(PeopleOf(cell));
        }
        return splits.Count > 0 ? splits : throw new InvalidDataException("trainIdxAll is empty");
    }

    private static HashSet<long> PeopleOf(ReadOnlySpan<byte> structure)
    {
        const int place = 2;
        var (_, flags) = MatElements.Next(ref structure);
        if (flags.Length < 4 || flags[0] != MatElements.StructClass)
            throw new InvalidDataException("an entry of trainIdxAll is not a structure");
        for (var i = 0; i < 4 + place; i++) MatElements.Next(ref structure);    // sizes, name, the length and the names of the fields
        var (_, people) = MatElements.Next(ref structure);
        return [.. MatElements.Whole(people, "a person for training")];
    }

    private static ImageSample[] Pictures(string folder) => Array.ConvertAll(ImageFolder.FilesIn(folder), path =>
    {
        var match = NamePattern().Match(Path.GetFileName(path));
        return match.Success ? new ImageSample(path, Number(match.Groups[1]), Number(match.Groups[2]))
            : throw new InvalidDataException($"{folder}: {MessageText.Excerpt(Path.GetFileName(path))} is not named like "
                + "0001_1_25004_107_32_106_221.jpeg (person, camera, ...).");

        static long Number(Group digits) => long.Parse(digits.ValueSpan, CultureInfo.InvariantCulture);
    });

    [GeneratedRegex(@"^([0-9]{1,9})_([0-9]{1,9})_[0-9_]+\.[a-zA-Z]+$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
