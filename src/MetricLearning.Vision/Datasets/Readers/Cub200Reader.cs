namespace MetricLearning.Vision;

/// <summary>Reads CUB-200-2011 by its lists of pictures and classes.</summary>
internal static class Cub200Reader
{
    private const long TrainClasses = 100;

    public static ReIdDataset Read(string folder)
    {
        var root = new DatasetFolder(PublishedDataset.Cub200, folder, "images", "images.txt", "image_class_labels.txt");
        var classes = root.Rows("image_class_labels.txt", 2).ToDictionary(row => row.Whole(0), row => row.Whole(1));
        var samples = root.Rows("images.txt", 2).Select(row => new ImageSample(root.Under("images", row[1]),
            classes.TryGetValue(row.Whole(0), out var label) ? label
                : throw new InvalidDataException(
                    $"{row.File}, line {row.Line}: picture {row[0]} has no class in image_class_labels.txt."), 0)).ToArray();
        return ReIdDataset.SelfRetrieval(PublishedDataset.Cub200.Name, root.List(samples.Where(s => s.Identity <= TrainClasses), false),
            root.List(samples.Where(s => s.Identity > TrainClasses), false), PublishedDataset.Cub200);
    }
}
