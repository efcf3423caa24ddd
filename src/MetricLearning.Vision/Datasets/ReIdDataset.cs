using System.Globalization;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>A re-identification dataset: pictures to train on, and queries to find in a gallery. Immutable.</summary>
/// <remarks><see cref="ToString"/> prints the table that papers print, with <see cref="Warnings"/> below it.</remarks>
public sealed class ReIdDataset
{
    /// <summary>Puts a dataset together and checks it.</summary>
    /// <param name="name">What it is called in tables.</param>
    /// <param name="train">Pictures to train on; empty where there is nothing to train.</param>
    /// <param name="query">Pictures to look for.</param>
    /// <param name="gallery">Pictures to find them in; junk and distractors are allowed. The same list as <paramref name="query"/> where
    /// each test picture is looked for among the others.</param>
    /// <param name="protocol">How it is evaluated. Null for <see cref="RetrievalProtocol.SelfRetrieval"/> where query and gallery are one
    /// list, else <see cref="RetrievalProtocol.Market1501"/> where there are cameras and <see cref="RetrievalProtocol.NoFilter"/> where
    /// there are none.</param>
    /// <param name="published">The published dataset that it should be, whose counts are checked; null where it is none.</param>
    /// <exception cref="InvalidDataException">No query's identity is in the gallery: nothing could be found.</exception>
    public ReIdDataset(string name, ImageList train, ImageList query, ImageList gallery, RetrievalProtocol? protocol = null,
        PublishedDataset? published = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        (Name, Train, Query, Gallery, Published) = (name, train, query, gallery, published);
        Protocol = protocol ?? (ReferenceEquals(query, gallery) ? RetrievalProtocol.SelfRetrieval
            : gallery.HasCameras ? RetrievalProtocol.Market1501 : RetrievalProtocol.NoFilter);
        Warnings = [.. Check()];
    }

    /// <summary>What it is called in tables.</summary>
    public string Name { get; }

    /// <summary>The pictures to train on.</summary>
    public ImageList Train { get; }

    /// <summary>The pictures to look for.</summary>
    public ImageList Query { get; }

    /// <summary>The pictures to find them in.</summary>
    public ImageList Gallery { get; }

    /// <summary>How it is evaluated.</summary>
    public RetrievalProtocol Protocol { get; }

    /// <summary>The published dataset that it was read as; null where it is none.</summary>
    public PublishedDataset? Published { get; }

    /// <summary>What looks wrong but may be meant: identities in both training and test, queries whose identity the gallery has
    /// not, other counts than the published ones.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Market-1501 as its authors pack it: folders <c>bounding_box_train</c>, <c>query</c> and <c>bounding_box_test</c>, names
    /// <c>0002_c1s1_000451_03.jpg</c>. Distractors (0000) stay in the gallery. Zheng et al., ICCV 2015.</summary>
    /// <param name="folder">The folder that holds the three.</param>
    /// <param name="keepJunk">Whether junk (−1) stays in the gallery, for protocols that remove it themselves. The scores are the
    /// same.</param>
    /// <param name="testOnly">Whether to leave <c>bounding_box_train</c> alone, which then need not be there: <see cref="Train"/> is
    /// empty.</param>
    /// <exception cref="DirectoryNotFoundException">A folder is missing.</exception>
    /// <exception cref="InvalidDataException">A folder has no pictures, names do not parse, or no query's identity is in the
    /// gallery.</exception>
    public static ReIdDataset Market1501(string folder, bool keepJunk = false, bool testOnly = false) =>
        ThreeFolders(PublishedDataset.Market1501, folder, keepJunk, testOnly);

    /// <summary>CUHK03 in the new protocol (767 identities to train on, 700 to test), one of its folders <c>detected</c> or <c>labeled</c>:
    /// laid out as Market-1501, names <c>0003_c1_21.png</c>, no junk and no distractors. Zhong et al., CVPR 2017.</summary>
    /// <param name="folder">The folder that holds the three.</param>
    /// <param name="testOnly">Whether to leave <c>bounding_box_train</c> alone, which then need not be there: <see cref="Train"/> is
    /// empty.</param>
    /// <inheritdoc cref="Market1501" path="/exception"/>
    public static ReIdDataset Cuhk03NP(string folder, bool testOnly = false) => ThreeFolders(
        folder?.Contains("label", StringComparison.OrdinalIgnoreCase) == true
            ? PublishedDataset.Cuhk03Labeled : PublishedDataset.Cuhk03Detected,
        folder!, false, testOnly);

    /// <summary>CUHK03 in its first protocol: one of the 20 splits, as torchreid's <c>splits_classic_detected.json</c> or
    /// <c>splits_classic_labeled.json</c> has them, evaluated with one gallery picture an identity. Li et al., CVPR 2014.</summary>
    /// <remarks>The pictures must be files named <c>1_023_2_05.png</c> (camera pair, person, view, picture), as torchreid and others
    /// unpack them; the authors' <c>cuhk-03.mat</c> (HDF5) is not read. The identity is 10000 · pair + person, the camera the
    /// view.</remarks>
    /// <param name="splits">The JSON file: a list of splits, each with <c>train</c>, <c>query</c> and <c>gallery</c>, lists of [path,
    /// label, camera].</param>
    /// <param name="images">The folder of the pictures.</param>
    /// <param name="split">Which split, from 0.</param>
    /// <exception cref="FileNotFoundException">The file or a picture is missing.</exception>
    /// <exception cref="InvalidDataException">The file does not parse, or has no such split.</exception>
    public static ReIdDataset Cuhk03Classic(string splits, string images, int split = 0) => Cuhk03ClassicReader.Read(splits, images, split);

    /// <summary>MSMT17, both versions: list files and the folders <c>train</c> and <c>test</c> (V1) or <c>mask_train_v2</c> and
    /// <c>mask_test_v2</c> (V2). Wei et al., CVPR 2018.</summary>
    /// <remarks>The dataset numbers the people of both halves from 0; here those to train on are 1 … 1,041 and those of the test
    /// 1,042 ….</remarks>
    /// <param name="folder">The folder that holds the lists.</param>
    /// <param name="withValidation">Whether <c>list_val.txt</c>, 2,373 pictures of the same people, is trained on too: the published
    /// 32,621. torchreid and fast-reid train on the other 30,248 unless told otherwise.</param>
    /// <param name="testOnly">Whether to leave the pictures to train on alone.</param>
    /// <exception cref="DirectoryNotFoundException">A file or folder is missing.</exception>
    /// <exception cref="FileNotFoundException">Pictures that the lists name are missing.</exception>
    /// <exception cref="InvalidDataException">A list does not parse.</exception>
    public static ReIdDataset Msmt17(string folder, bool withValidation = true, bool testOnly = false) =>
        Msmt17Reader.Read(folder, withValidation, testOnly);

    /// <summary>VeRi-776: the three lists of names; identity and camera come from the name (<c>0001_c001_00016450_0.jpg</c>), the track
    /// from <c>test_track.txt</c> where it is there, numbered by its lines. Where <c>train_label.xml</c> and <c>test_label.xml</c> are
    /// there, they must agree with the names. Liu et al., ECCV 2016.</summary>
    /// <param name="folder">The folder that holds the lists.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset VeRi776(string folder) => VeRiReader.Read(folder);

    /// <summary>VehicleID: a list to train on and one of the test lists, of whose vehicles one picture each, drawn at random, is the
    /// gallery and the rest are queries. No cameras. Liu et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that holds <c>image</c> and <c>train_test_split</c>.</param>
    /// <param name="testSize">800, 1600 or 2400: which <c>test_list_….txt</c>.</param>
    /// <param name="seed">The seed of the draw. Papers average over ten draws: read it with ten seeds.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset VehicleId(string folder, int testSize = 800, ulong seed = 0) => VehicleIdReader.Read(folder, testSize, seed);

    /// <summary>CUB-200-2011 for retrieval: classes 1 to 100 train; each picture of the others is looked for among the rest of them. The
    /// dataset's own division for classification is not used. Wah et al., 2011; Song et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that holds <c>images.txt</c>.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset Cub200(string folder) => Cub200Reader.Read(folder);

    /// <summary>Cars-196 for retrieval: classes 1 to 98 train; each picture of the others is looked for among the rest of them. The
    /// dataset's own division for classification is not used. Krause et al., 2013; Song et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that holds <c>cars_annos.mat</c> and <c>car_ims</c>.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset Cars196(string folder) => Cars196Reader.Read(folder);

    /// <summary>Stanford Online Products: 11,318 products train; each picture of the other 11,316 is looked for among the rest of them.
    /// Song et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that holds <c>Ebay_train.txt</c>.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset StanfordOnlineProducts(string folder) => StanfordOnlineProductsReader.Read(folder);

    /// <summary>DeepFashion In-Shop Clothes Retrieval: train, query and gallery as its partition file has them. Liu et al., CVPR
    /// 2016.</summary>
    /// <param name="folder">The folder that holds <c>Eval</c> or <c>list_eval_partition.txt</c>, and <c>img</c> or <c>Img</c>.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset InShop(string folder) => InShopReader.Read(folder);

    /// <summary>Omniglot: a class is a character. Those of <c>images_background</c> train; each drawing of those of
    /// <c>images_evaluation</c> is looked for among the rest of them. Lake et al., Science 2015.</summary>
    /// <param name="folder">The folder that holds the two.</param>
    /// <exception cref="DirectoryNotFoundException">One is missing.</exception>
    public static ReIdDataset Omniglot(string folder) => OmniglotReader.Read(folder);

    /// <summary>A tree with a folder an identity (<see cref="ImageList.FromFolders"/>), divided at random by identity: no identity is in
    /// both training and test, and each test picture is looked for among the others.</summary>
    /// <param name="root">The tree.</param>
    /// <param name="trainShare">How many of the identities train, in (0, 1).</param>
    /// <param name="seed">The seed of the division.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It has no pictures, or some lie in no identity's folder.</exception>
    public static ReIdDataset Folders(string root, double trainShare = 0.5, ulong seed = 0)
    {
        var (train, test) = ImageList.FromFolders(root).SplitIdentities(trainShare, seed);
        return SelfRetrieval(Path.GetFileName(Path.TrimEndingDirectorySeparator(root)), train, test);
    }

    /// <summary>A CSV file (<see cref="ImageList.FromCsv"/>) whose column <c>split</c> says <c>train</c>, <c>query</c> or
    /// <c>gallery</c>.</summary>
    /// <param name="csv">The file.</param>
    /// <param name="imageFolder">The folder that its names are relative to.</param>
    /// <inheritdoc cref="ImageList.FromCsv" path="/exception"/>
    public static ReIdDataset Csv(string csv, string imageFolder) =>
        Parts(csv, split => ImageList.FromCsv(csv, imageFolder, split));

    /// <summary>A file of JSON lines (<see cref="ImageList.FromJsonLines"/>) whose <c>split</c> says <c>train</c>, <c>query</c> or
    /// <c>gallery</c>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="imageFolder">The folder that its names are relative to.</param>
    /// <inheritdoc cref="ImageList.FromJsonLines" path="/exception"/>
    public static ReIdDataset JsonLines(string file, string imageFolder) =>
        Parts(file, split => ImageList.FromJsonLines(file, imageFolder, split));

    /// <summary>A dataset whose test pictures are queries and gallery at once.</summary>
    /// <param name="name">What it is called in tables.</param>
    /// <param name="train">Pictures to train on.</param>
    /// <param name="test">Pictures each of which is looked for among the others.</param>
    /// <param name="published">The published dataset that it should be; null where it is none.</param>
    public static ReIdDataset SelfRetrieval(string name, ImageList train, ImageList test, PublishedDataset? published = null) =>
        new(name, train, test, test, RetrievalProtocol.SelfRetrieval, published);

    /// <summary>The table of identities, images and cameras, with the warnings below it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        var wide = Math.Max(12, Name.Length);
        text.AppendLine(CultureInfo.InvariantCulture, $"{Name.PadRight(wide)} | {"ids",6} | {"images",8} | {"cameras",7}");
        text.AppendLine(new string('-', wide) + "-|--------|----------|--------");
        (string, ImageList)[] parts = ReferenceEquals(Query, Gallery) ? [("train", Train), ("test", Query)]
            : [("train", Train), ("query", Query), ("gallery", Gallery)];
        foreach (var (part, list) in parts)
        {
            var count = list.Statistics;
            text.Append(CultureInfo.InvariantCulture,
                $"{part.PadRight(wide)} | {count.Identities,6:N0} | {count.Images,8:N0} | {count.Cameras,7:N0}");
            if (count.Distractors > 0) text.Append(CultureInfo.InvariantCulture, $"  ({count.Distractors:N0} distractors)");
            if (count.Junk > 0) text.Append(CultureInfo.InvariantCulture, $"  ({count.Junk:N0} junk)");
            text.AppendLine();
        }
        foreach (var warning in Warnings) text.AppendLine(CultureInfo.InvariantCulture, $"warning: {warning}");
        return text.ToString();
    }

    private static ReIdDataset Parts(string file, Func<string, ImageList> read) =>
        new(Path.GetFileNameWithoutExtension(file), read("train"), read("query"), read("gallery"));

    private static ReIdDataset ThreeFolders(PublishedDataset published, string folder, bool keepJunk, bool testOnly)
    {
        var root = new DatasetFolder(published, folder,
            testOnly ? ["query", "bounding_box_test"] : ["bounding_box_train", "query", "bounding_box_test"]);
        ImageList Read(string part) => ImageList.FromNamedFiles(root.Under(part), keepJunk);
        return new(published.Name, testOnly ? new ImageList([]) : Read("bounding_box_train"), Read("query"), Read("bounding_box_test"),
            RetrievalProtocol.Market1501, published);
    }

    private IEnumerable<string> Check()
    {
        var gallery = Gallery.Identities.ToHashSet();
        var lost = Query.Identities.Where(identity => !gallery.Contains(identity)).ToArray();
        if (lost.Length == Query.ClassCount)
            throw new InvalidDataException($"{Name}: no query identity appears in the gallery " +
                $"(queries have {ImageList.Some(Query.Identities)}; the gallery has {ImageList.Some(Gallery.Identities)}).");
        if (lost.Length > 0)
            yield return $"{lost.Length} of {Query.ClassCount} query identities are nowhere in the gallery: {ImageList.Some(lost)}. " +
                $"Their {Query.Count(sample => lost.Contains(sample.Identity))} queries cannot be scored.";
        var both = Train.Identities.Where(identity => identity > 0 && gallery.Contains(identity)).ToArray();
        if (both.Length > 0)
            yield return $"{both.Length} identities are in training and in the gallery: {ImageList.Some(both)}. Scores on them say little.";
        if (Published?.DifferenceFrom(Train, Query, Gallery) is { } difference) yield return difference;
    }
}
