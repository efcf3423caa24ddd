namespace MetricLearning.Vision;

/// <summary>Reads Market-1501, and CUHK03 in the new protocol, which has the same layout.</summary>
internal static class ThreeFolderReader
{
    public static DatasetParts Read(PublishedDataset published, string folder, bool keepJunk, bool testOnly)
    {
        var root = new DatasetFolder(published, folder,
            testOnly ? ["query", "bounding_box_test"] : ["bounding_box_train", "query", "bounding_box_test"]);
        ImageList Part(string part) => ImageList.FromNamedFiles(root.Under(part), keepJunk);
        return new(published.Name, testOnly ? ImageList.None : Part("bounding_box_train"), Part("query"), Part("bounding_box_test"),
            RetrievalProtocol.Market1501, published);
    }
}
