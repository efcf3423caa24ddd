namespace MetricLearning.Vision;

/// <summary>Reads MSMT17 from its four list files.</summary>
internal static class Msmt17Reader
{
    private const int TrainIdentities = 1_041;

    public static DatasetParts Read(string folder, bool withValidation, bool testOnly)
    {
        var facts = PublishedDataset.Msmt17;
        string[] lists = testOnly ? ["list_query.txt", "list_gallery.txt"]
            : ["list_train.txt", "list_val.txt", "list_query.txt", "list_gallery.txt"];
        var second = Directory.Exists(Path.Combine(folder ?? "", "mask_test_v2"));
        var (trainFolder, testFolder) = second ? ("mask_train_v2", "mask_test_v2") : ("train", "test");
        var root = new DatasetFolder(facts, folder!, testOnly ? [testFolder, .. lists] : [trainFolder, testFolder, .. lists]);
        // Both halves number their people from 0. Here training has 1 … 1,041 and the test continues from there, so that nobody is 0, a
        // distractor.
        IEnumerable<ImageSample> Rows(string list, string part, int first, int count) => root.Rows(list, 2).Select(row =>
            new ImageSample(root.Under(part, row[0]), row.Whole(1, 0, count - 1) + first, Camera(row)));
        ImageList Test(string list) => root.List(Rows(list, testFolder, 1 + TrainIdentities, int.MaxValue), true, root.Under(list));
        ImageList Train() => root.List(lists[..(withValidation ? 2 : 1)]
            .SelectMany(list => Rows(list, trainFolder, 1, TrainIdentities)), true,
            root.Under(lists[0]) + (withValidation ? $" and {lists[1]}" : ""));
        return new(second ? "MSMT17 V2" : "MSMT17 V1", testOnly ? ImageList.None : Train(), Test(lists[^2]), Test(lists[^1]),
            RetrievalProtocol.Market1501 with { Name = "MSMT17" }, facts);
    }

    /// <summary>The camera: the third part of a name like <c>0000_000_01_0303morning_0008_0.jpg</c>.</summary>
    private static long Camera(ListRow row)
    {
        var parts = row[0][(row[0].LastIndexOf('/') + 1)..].Split('_');
        return parts.Length > 2 && ListRow.Digits(parts[2]) is { } camera ? camera
            : throw row.Fault($"{MessageText.Excerpt(row[0])} is not named like 0000_000_01_0303morning_0008_0.jpg.");
    }
}
