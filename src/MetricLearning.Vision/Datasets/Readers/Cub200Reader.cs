namespace MetricLearning.Vision;

/// <summary>Reads CUB-200-2011 from its lists of images and classes.</summary>
internal static class Cub200Reader
{
    private const long TrainClasses = 100, Classes = 200;

    public static DatasetParts Read(string folder, bool testOnly)
    {
        var root = new DatasetFolder(PublishedDataset.Cub200, folder, "images", "images.txt", "image_class_labels.txt");
        var classes = ByImage(root.Rows("image_class_labels.txt", 2)).ToDictionary(pair => pair.Key,
            pair => pair.Value.Whole(1, 1, Classes));
        var samples = ByImage(root.Rows("images.txt", 2)).Select(pair => new ImageSample(root.Under("images", pair.Value[1]),
            classes.TryGetValue(pair.Key, out var label) ? label
                : throw pair.Value.Fault($"image {pair.Key} has no class in image_class_labels.txt."), 0)).ToArray();
        return DatasetParts.SelfRetrieval(PublishedDataset.Cub200,
            testOnly ? new ImageList([], hasCameras: false) : Part("for training", s => s.Identity <= TrainClasses),
            Part("for the test", s => s.Identity > TrainClasses));

        ImageList Part(string use, Func<ImageSample, bool> has) =>
            root.List(samples.Where(has), false, $"the classes {use} of {root.Under("images.txt")}");
    }

    /// <summary>The rows by the number of the image in their first field. No number may occur twice.</summary>
    private static Dictionary<long, ListRow> ByImage(IEnumerable<ListRow> rows)
    {
        var byImage = new Dictionary<long, ListRow>();
        foreach (var row in rows)
            if (!byImage.TryAdd(row.Whole(0), row)) throw row.Fault($"image {row.Whole(0)} is there already, in line {
                byImage[row.Whole(0)].Line}.");
        return byImage;
    }
}
