namespace MetricLearning.Vision;

/// <summary>The parts of a published dataset, as a reader found them.</summary>
internal sealed record DatasetParts(string Name, ImageList Train, ImageList Query, ImageList Gallery, RetrievalProtocol Protocol,
    PublishedDataset? Published)
{
    /// <summary>A dataset in which each test image is a query and all other test images are its gallery.</summary>
    public static DatasetParts SelfRetrieval(PublishedDataset published, ImageList train, ImageList test) =>
        new(published.Name, train, test, test, RetrievalProtocol.SelfRetrieval, published);
}
