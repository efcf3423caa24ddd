namespace MetricLearning.Vision;

/// <summary>Reads Stanford Online Products from its two list files.</summary>
internal static class StanfordOnlineProductsReader
{
    public static DatasetParts Read(string folder, bool testOnly)
    {
        var root = new DatasetFolder(PublishedDataset.StanfordOnlineProducts, folder,
            testOnly ? ["Ebay_test.txt"] : ["Ebay_train.txt", "Ebay_test.txt"]);
        // The columns are image_id class_id super_class_id path.
        ImageList Part(string file) => root.List(root.Rows(file, 4, heading: "image_id").Select(row =>
            new ImageSample(root.Under(row[3]), row.Whole(1), 0)), false, root.Under(file));
        return DatasetParts.SelfRetrieval(PublishedDataset.StanfordOnlineProducts,
            testOnly ? ImageList.None : Part("Ebay_train.txt"), Part("Ebay_test.txt"));
    }
}
