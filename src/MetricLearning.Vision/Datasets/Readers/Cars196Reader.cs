namespace MetricLearning.Vision;

/// <summary>Reads Cars-196 from the annotations of all its images.</summary>
internal static class Cars196Reader
{
    private const long TrainClasses = 98, Classes = 196;

    public static DatasetParts Read(string folder, bool testOnly)
    {
        var root = new DatasetFolder(PublishedDataset.Cars196, folder, "cars_annos.mat", "car_ims");
        var samples = CarsAnnotations.Read(root.Under("cars_annos.mat"), Classes)
            .Select(row => new ImageSample(root.Under(row.Path), row.Class, 0)).ToArray();
        return DatasetParts.SelfRetrieval(PublishedDataset.Cars196,
            testOnly ? new ImageList([], hasCameras: false) : Part("for training", s => s.Identity <= TrainClasses),
            Part("for the test", s => s.Identity > TrainClasses));

        ImageList Part(string use, Func<ImageSample, bool> has) =>
            root.List(samples.Where(has), false, $"the classes {use} of {root.Under("cars_annos.mat")}");
    }
}
