namespace MetricLearning.Vision;

/// <summary>Reads Omniglot: the background alphabets train, the evaluation alphabets test.</summary>
internal static class OmniglotReader
{
    public static ReIdDataset Read(string folder)
    {
        var root = new DatasetFolder(PublishedDataset.Omniglot, folder, "images_background", "images_evaluation");
        var train = ImageList.FromFolders(root.Under("images_background"));
        var test = ImageList.FromFolders(root.Under("images_evaluation"));
        // Other characters, other numbers.
        return ReIdDataset.SelfRetrieval(PublishedDataset.Omniglot.Name, train, test.Renumbered(train.ClassCount),
            PublishedDataset.Omniglot);
    }
}
