using System.Globalization;

namespace MetricLearning.Vision;

/// <summary>Reads DeepFashion In-Shop by its partition file.</summary>
internal static class InShopReader
{
    public static ReIdDataset Read(string folder)
    {
        var facts = PublishedDataset.InShop;
        var list = Directory.Exists(Path.Combine(folder ?? "", "Eval")) ? "Eval/list_eval_partition.txt" : "list_eval_partition.txt";
        var root = new DatasetFolder(facts, folder!, list);
        var above = root.First("img", "Img/img") == "img" ? "" : "Img";
        // The first line counts the rows, the second names the columns: image_name item_id evaluation_status.
        var parts = root.Rows(list, 3, heading: 2).ToLookup(row => row[2], row => new ImageSample(root.Under(above, row[0]), Item(row), 0));
        var odd = parts.FirstOrDefault(part => part.Key is not ("train" or "query" or "gallery"));
        if (odd is not null)
            throw new InvalidDataException($"{root.Under(list)}: the status must be train, query or gallery, got {odd.Key}.");
        return new(facts.Name, root.List(parts["train"], false), root.List(parts["query"], false), root.List(parts["gallery"], false),
            RetrievalProtocol.NoFilter with { Name = "In-Shop" }, facts);
    }

    /// <summary>The number of <c>id_00000002</c>.</summary>
    private static long Item(ListRow row) =>
        row[1].StartsWith("id_", StringComparison.Ordinal)
            && long.TryParse(row[1].AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out var item) ? item
            : throw new InvalidDataException($"{row.File}, line {row.Line}: an item is written id_00000002, got {row[1]}.");
}
