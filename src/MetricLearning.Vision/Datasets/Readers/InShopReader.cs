namespace MetricLearning.Vision;

/// <summary>Reads DeepFashion In-Shop from its partition file.</summary>
internal static class InShopReader
{
    public static DatasetParts Read(string folder, bool testOnly)
    {
        var facts = PublishedDataset.InShop;
        var list = Directory.Exists(Path.Combine(folder ?? "", "Eval")) ? "Eval/list_eval_partition.txt" : "list_eval_partition.txt";
        var root = new DatasetFolder(facts, folder!, list);
        var above = root.First("img", "Img/img") == "img" ? "" : "Img";
        // The first line is the number of rows, the second the names of the columns: image_name item_id evaluation_status.
        var parts = root.Rows(list, 3, heading: "image_name").ToLookup(Part, row =>
            new ImageSample(root.Under(above, row[0]), Item(row), 0));
        ImageList Of(string part) => root.List(parts[part], false, $"the part {part} of {root.Under(list)}");
        return new(facts.Name, testOnly ? new ImageList([], hasCameras: false) : Of("train"), Of("query"), Of("gallery"),
            RetrievalProtocol.NoFilter with { Name = "In-Shop" }, facts);
    }

    private static string Part(ListRow row) => row[2] is "train" or "query" or "gallery" ? row[2]
        : throw row.Fault($"the status must be train, query or gallery, got {MessageText.Excerpt(row[2])}.");

    /// <summary>The number in <c>id_00000002</c>.</summary>
    private static long Item(ListRow row) =>
        row[1].StartsWith("id_", StringComparison.Ordinal) && ListRow.Digits(row[1].AsSpan(3)) is { } item ? item
            : throw row.Fault($"an item must look like id_00000002, got {MessageText.Excerpt(row[1])}.");
}
