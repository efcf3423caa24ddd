using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>Reads VehicleID from its list files and draws the gallery.</summary>
internal static class VehicleIdReader
{
    public static DatasetParts Read(string folder, int testSize, ulong seed, bool testOnly)
    {
        Guard.AtLeast(testSize, 1);
        var facts = PublishedDataset.VehicleId;
        var list = string.Create(CultureInfo.InvariantCulture, $"train_test_split/test_list_{testSize}.txt");
        const string training = "train_test_split/train_list.txt";
        var root = new DatasetFolder(facts, folder, testOnly ? ["image", list] : ["image", training, list]);
        ImageList Part(string file) => root.List(root.Rows(file, 2).Select(row =>
            new ImageSample(root.Under("image", row[0] + ".jpg"), row.Whole(1), 0)), false, root.Under(file));
        var random = new SeededRandom(seed);
        var test = Part(list);
        // The draw goes in the order of the vehicles, so it depends only on the list and the seed. It is one of positions, because the list
        // may have an image more than once.
        var gallery = test.Select((sample, place) => (sample.Identity, place)).GroupBy(image => image.Identity, image => image.place)
            .OrderBy(group => group.Key).Select(group => group.ElementAt(random.NextInt(group.Count()))).ToHashSet();
        return new(string.Create(CultureInfo.InvariantCulture, $"VehicleID {testSize}"), testOnly ? ImageList.None : Part(training),
            test.Where((_, place) => !gallery.Contains(place)), test.Where((_, place) => gallery.Contains(place)),
            RetrievalProtocol.NoFilter with { Name = "VehicleID" }, testSize == 800 ? facts : null);
    }
}
