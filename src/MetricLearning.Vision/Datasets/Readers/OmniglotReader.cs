namespace MetricLearning.Vision;

/// <summary>Reads Omniglot: the background alphabets are for training, the evaluation alphabets for the test.</summary>
internal static class OmniglotReader
{
    public static DatasetParts Read(string folder, bool testOnly)
    {
        var root = new DatasetFolder(PublishedDataset.Omniglot, folder,
            testOnly ? ["images_evaluation"] : ["images_background", "images_evaluation"]);
        var train = testOnly ? new ImageList([], hasCameras: false) : ImageList.FromFolders(root.Under("images_background"));
        var test = ImageList.FromFolders(root.Under("images_evaluation"));
        // The two parts have different characters, so their identities must differ.
        return DatasetParts.SelfRetrieval(PublishedDataset.Omniglot, train, test.Renumbered(train.ClassCount));
    }
}
