using System.Globalization;
using MetricLearning.Vision;

namespace PersonReId;

/// <summary>Says which dataset is used and where it is. All other code is the same for all datasets.</summary>
/// <param name="Kind">One of <see cref="Kinds"/>.</param>
/// <param name="Path">Its folder, or its file if it is a list.</param>
/// <param name="Images">For a list: the folder that its names are relative to.</param>
/// <param name="Splits">For a list: the values of its column <c>split</c> for train, query and gallery.</param>
internal sealed record DataSource(string Kind, string Path, string Images, IReadOnlyList<string> Splits)
{
    private static readonly Dictionary<string, Func<DataSource, bool, ReIdDataset>> readers = new()
    {
        ["market1501"] = (source, testOnly) => ReIdDataset.Market1501(source.Path, testOnly: testOnly),
        ["cuhk03-np"] = (source, testOnly) => ReIdDataset.Cuhk03NP(source.Path, testOnly),
        ["msmt17"] = (source, testOnly) => ReIdDataset.Msmt17(source.Path, testOnly: testOnly),
        ["veri776"] = (source, testOnly) => ReIdDataset.VeRi776(source.Path, testOnly),
        ["vehicleid"] = (source, testOnly) => ReIdDataset.VehicleId(source.Path, testOnly: testOnly),
        ["cub200"] = (source, testOnly) => ReIdDataset.Cub200(source.Path, testOnly),
        ["cars196"] = (source, testOnly) => ReIdDataset.Cars196(source.Path, testOnly),
        ["sop"] = (source, testOnly) => ReIdDataset.StanfordOnlineProducts(source.Path, testOnly),
        ["inshop"] = (source, testOnly) => ReIdDataset.InShop(source.Path, testOnly),
        ["omniglot"] = (source, testOnly) => ReIdDataset.Omniglot(source.Path, testOnly),
        ["folders"] = (source, _) => ReIdDataset.Folders(source.Path),
        ["csv"] = (source, testOnly) => ReIdDataset.Csv(source.Path, source.Images, testOnly, splits: source.Splits),
        ["json"] = (source, testOnly) => ReIdDataset.JsonLines(source.Path, source.Images, testOnly, splits: source.Splits),
    };

    /// <summary>The values of <c>--dataset</c>.</summary>
    public static IReadOnlyCollection<string> Kinds => readers.Keys;

    /// <summary>A Market-1501 folder, as the demo draws it.</summary>
    public static DataSource Market1501(string folder) => new("market1501", folder, folder, []);

    /// <summary>The name of the folder, or of the file without its extension.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(System.IO.Path.TrimEndingDirectorySeparator(Path));

    /// <summary>The list of images; null if the dataset is a folder.</summary>
    public string? List => File.Exists(Path) ? Path : null;

    /// <summary>The options that say which dataset it is.</summary>
    public string Options => $"--dataset {Kind}{(Splits.Count > 0 ? $" --splits {string.Join(' ', Splits.Select(Shell.Quote))}" : "")}";

    /// <summary>The options that say where it is.</summary>
    public string Place => $"--data {Shell.Quote(Path)}{(Splits.Count > 0 ? $" --images {Shell.Quote(Images)}" : "")}";

    /// <summary>Reads the dataset, and prints its warnings.</summary>
    /// <param name="testOnly">Whether to leave out the training set.</param>
    public ReIdDataset Open(bool testOnly = false)
    {
        var data = readers[Kind](this, testOnly);
        foreach (var warning in data.Warnings) Ui.Line($"warning: {warning}");
        return data;
    }

    /// <summary>The path of an image, relative to the source.</summary>
    public string PathOf(ImageSample sample) => PathOf(sample.Path);

    /// <summary>The path of an image's file, relative to the source.</summary>
    public string PathOf(string file) => System.IO.Path.GetRelativePath(Images, file).Replace('\\', '/');

    /// <summary>One row per part: its images, identities, cameras and distractors.</summary>
    public static IReadOnlyList<string[]> Statistics(ReIdDataset data)
    {
        return
        [
            ["", "images", "identities", "cameras", "distractors"],
            Row("train", data.Train), Row("query", data.Query), Row("gallery", data.Gallery),
        ];

        static string[] Row(string name, ImageList list)
        {
            var s = list.Statistics;
            return [name, N(s.Images), N(s.Identities), N(s.Cameras), N(s.Distractors)];
        }

        static string N(int count) => count.ToString("N0", CultureInfo.InvariantCulture);
    }
}
