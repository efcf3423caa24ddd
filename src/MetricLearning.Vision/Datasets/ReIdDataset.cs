using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace MetricLearning.Vision;

/// <summary>A re-identification dataset: images to train on, and queries to find in a gallery.</summary>
/// <remarks><see cref="ToString"/> gives the table that papers print, followed by the <see cref="Warnings"/>. Thread safety: immutable; any
/// number of threads may use it at once.</remarks>
/// <example><code>
/// var data = ReIdDataset.Market1501("Market-1501");    // or Folders("pictures"): one subfolder for each thing
/// Console.WriteLine(data);                             // identities, images and cameras of each part, and warnings
/// </code></example>
public sealed class ReIdDataset
{
    /// <summary>Makes a dataset of its parts and checks it.</summary>
    /// <param name="name">The name that tables show; not null and not empty.</param>
    /// <param name="train">The images to train on; may be empty.</param>
    /// <param name="query">The images to search for.</param>
    /// <param name="gallery">The images to search in; junk and distractors are allowed. Pass the same list as <paramref name="query"/>
    /// to search for each test image among all others.</param>
    /// <param name="protocol">How the dataset is evaluated. Null for the usual one: <see cref="RetrievalProtocol.SelfRetrieval"/> if query
    /// and gallery are the same list, otherwise <see cref="RetrievalProtocol.Market1501"/> if there are cameras and
    /// <see cref="RetrievalProtocol.NoFilter"/> if there are none.</param>
    /// <param name="published">The published dataset whose counts the lists should have; null for any other dataset.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty, an argument other than <paramref name="protocol"/> and
    /// <paramref name="published"/> is null, or a list has no identities.</exception>
    /// <exception cref="InvalidDataException">There are no queries, or the gallery has none of their identities, so no query could find a
    /// match.</exception>
    public ReIdDataset(string name, ImageList train, ImageList query, ImageList gallery, RetrievalProtocol? protocol = null,
        PublishedDataset? published = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        RequireIdentities(train);
        RequireIdentities(query);
        RequireIdentities(gallery);
        (Name, Train, Query, Gallery, Published) = (name, train, query, gallery, published);
        Protocol = protocol ?? (ReferenceEquals(query, gallery) ? RetrievalProtocol.SelfRetrieval
            : gallery.HasCameras ? RetrievalProtocol.Market1501 : RetrievalProtocol.NoFilter);
        Warnings = [.. Check()];
    }

    private ReIdDataset(DatasetParts parts)
        : this(parts.Name, parts.Train, parts.Query, parts.Gallery, parts.Protocol, parts.Published)
    {
    }

    /// <summary>The name that tables show.</summary>
    public string Name { get; }

    /// <summary>The images to train on.</summary>
    public ImageList Train { get; }

    /// <summary>The images to search for.</summary>
    public ImageList Query { get; }

    /// <summary>The images to search in.</summary>
    public ImageList Gallery { get; }

    /// <summary>How the dataset is evaluated.</summary>
    public RetrievalProtocol Protocol { get; }

    /// <summary>The published dataset that it was read as; null for any other dataset.</summary>
    public PublishedDataset? Published { get; }

    /// <summary>Properties that look wrong but may be intended: identities that are in both training and test, queries whose identity is
    /// not in the gallery, images that a list has more than once, queries that are in the gallery and that the protocol does not remove,
    /// rows of a list that are in no split, and counts that differ from the published ones.</summary>
    public IReadOnlyList<string> Warnings { get; private set; }

    /// <summary>Reads Market-1501 as its authors pack it: the folders <c>bounding_box_train</c>, <c>query</c> and <c>bounding_box_test</c>
    /// with names like <c>0002_c1s1_000451_03.jpg</c>. Distractors (0000) stay in the gallery. Zheng et al., ICCV 2015.</summary>
    /// <param name="folder">The folder that has these three folders.</param>
    /// <param name="keepJunk">Whether junk (−1) stays in the gallery. The protocol removes it in any case, so the scores are the same.
    /// Default: false.</param>
    /// <param name="testOnly">Whether to read only query and gallery: <c>bounding_box_train</c> need not be there, and <see cref="Train"/>
    /// is empty. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder is missing.</exception>
    /// <exception cref="InvalidDataException">A folder has no images, names do not parse, or the gallery has none of the identities of the
    /// queries.</exception>
    public static ReIdDataset Market1501(string folder, bool keepJunk = false, bool testOnly = false) =>
        From(folder, ThreeFolderReader.Read(PublishedDataset.Market1501, folder, keepJunk, testOnly));

    /// <summary>Reads CUHK03 in the new protocol (767 identities for training, 700 for the test) from its folder <c>detected</c> or
    /// <c>labeled</c>. The layout is that of Market-1501, with names like <c>0003_c1_21.png</c> and without junk and distractors. Zhong et
    /// al., CVPR 2017.</summary>
    /// <param name="folder">The folder that has the three folders. If its full path has "label", and no "detect" after it, the counts of
    /// the labeled boxes are expected, otherwise those of the detected ones.</param>
    /// <param name="testOnly">Whether to read only query and gallery: <c>bounding_box_train</c> need not be there, and <see cref="Train"/>
    /// is empty. Default: false.</param>
    /// <inheritdoc cref="Market1501" path="/exception"/>
    public static ReIdDataset Cuhk03NP(string folder, bool testOnly = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.GetFullPath(folder);
        int Last(string word) => path.LastIndexOf(word, StringComparison.OrdinalIgnoreCase);
        return From(folder, ThreeFolderReader.Read(
            Last("label") > Last("detect") ? PublishedDataset.Cuhk03Labeled : PublishedDataset.Cuhk03Detected, folder, false, testOnly));
    }

    /// <summary>Reads one of the 20 splits of CUHK03's first protocol from torchreid's <c>splits_classic_detected.json</c> or
    /// <c>splits_classic_labeled.json</c>. It is evaluated with one gallery image per identity. Li et al., CVPR 2014.</summary>
    /// <remarks>The images must be files named <c>1_023_2_05.png</c> (camera pair, person, view, image), as torchreid and others
    /// unpack them; the authors' <c>cuhk-03.mat</c> (HDF5) is not read. The identity is 10000 · pair + person, the camera is the
    /// view.</remarks>
    /// <param name="splits">The JSON file: a list of splits, each with the lists <c>train</c>, <c>query</c> and <c>gallery</c> of [path,
    /// label, camera].</param>
    /// <param name="images">The folder of the images.</param>
    /// <param name="split">The number of the split, from 0. Default: 0.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <exception cref="ArgumentException">A path is null or empty, or <paramref name="split"/> is negative.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no folder <paramref name="images"/>.</exception>
    /// <exception cref="FileNotFoundException">The JSON file or an image is missing.</exception>
    /// <exception cref="InvalidDataException">The file does not parse or has no such split, or a part of the split has no
    /// images.</exception>
    public static ReIdDataset Cuhk03Classic(string splits, string images, int split = 0, bool testOnly = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(splits);
        ArgumentException.ThrowIfNullOrEmpty(images);
        return From(splits, Cuhk03ClassicReader.Read(splits, images, split, testOnly));
    }

    /// <summary>Reads both versions of MSMT17: the list files and the folders <c>train</c> and <c>test</c> (V1) or <c>mask_train_v2</c> and
    /// <c>mask_test_v2</c> (V2). Wei et al., CVPR 2018.</summary>
    /// <remarks>The dataset numbers the people of both halves from 0. Here the people of the training half are 1 … 1,041, and those of the
    /// test half start at 1,042.</remarks>
    /// <param name="folder">The folder that has the lists.</param>
    /// <param name="withValidation">Whether the 2,373 images of <c>list_val.txt</c>, which show the same people, belong to the training
    /// images. The training images are then the published 32,621. By default torchreid and fast-reid train only on the other
    /// 30,248.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">A file or folder is missing.</exception>
    /// <exception cref="FileNotFoundException">Images that the lists name are missing.</exception>
    /// <exception cref="InvalidDataException">A list does not parse; the message has the file, the line and the field. Or a part has no
    /// images, or an image has two identities.</exception>
    public static ReIdDataset Msmt17(string folder, bool withValidation = true, bool testOnly = false) =>
        From(folder, Msmt17Reader.Read(folder, withValidation, testOnly));

    /// <summary>Reads VIPeR: 632 people, each with one image of two cameras. Half of them are for training. There are ten random divisions.
    /// In a split of an even number the queries are those of <c>cam_a</c>, and in the next one, with the same training images, those of
    /// <c>cam_b</c>. Average over the 20 splits, as torchreid does. Gray et al., PETS 2007.</summary>
    /// <remarks>Its authors divide nothing, and torchreid draws other divisions on each computer, so figures of single splits cannot be
    /// compared. The identity is the number in the name plus 1; the camera is 1 for <c>cam_a</c> and 2 for <c>cam_b</c>.</remarks>
    /// <param name="folder">The folder that has <c>cam_a</c> and <c>cam_b</c>.</param>
    /// <param name="split">The number of the split, from 0 to 19. Default: 0.</param>
    /// <param name="seed">The seed of the divisions. Default: 0.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="split"/> is not in [0, 19].</exception>
    /// <exception cref="DirectoryNotFoundException">A folder is missing.</exception>
    /// <exception cref="InvalidDataException">A name does not parse, or a person has no image of a camera, or two.</exception>
    public static ReIdDataset Viper(string folder, int split = 0, ulong seed = 0, bool testOnly = false) =>
        From(folder, ViperReader.Read(folder, split, seed, testOnly));

    /// <summary>Reads GRID by one of the ten divisions of its authors. 125 of the people with two images are for training, and the others
    /// for the test; the gallery also has the people with one image, as distractors (identity 0). Average over the 10 splits. Loy et al.,
    /// CVPR 2009.</summary>
    /// <param name="folder">The folder that has <c>probe</c>, <c>gallery</c> and <c>features_and_partitions.mat</c>; the authors call it
    /// <c>underground_reid</c>.</param>
    /// <param name="split">The number of the split, from 0 to 9. Default: 0.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty, or <paramref name="split"/> is negative.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder or the file of the divisions is missing.</exception>
    /// <exception cref="InvalidDataException">A name does not parse, the file of the divisions is another one or has no such split, or a
    /// part has no images.</exception>
    public static ReIdDataset Grid(string folder, int split = 0, bool testOnly = false) =>
        From(folder, GridReader.Read(folder, split, testOnly));

    /// <summary>Reads VeRi-776 from its three lists of names. Identity and camera come from the name (<c>0001_c001_00016450_0.jpg</c>). If
    /// <c>test_track.txt</c> exists, the number of an image's line there is its track. If <c>train_label.xml</c> and
    /// <c>test_label.xml</c> exist, they must agree with the names. Liu et al., ECCV 2016.</summary>
    /// <param name="folder">The folder that has the lists.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset VeRi776(string folder, bool testOnly = false) => From(folder, VeRiReader.Read(folder, testOnly));

    /// <summary>Reads VehicleID: the training list and one of the test lists. The gallery gets one image of each test vehicle, drawn at
    /// random; all others are queries. There are no cameras. Liu et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that has <c>image</c> and <c>train_test_split</c>.</param>
    /// <param name="testSize">800, 1600 or 2400: the number in the name of the test list, <c>test_list_….txt</c>. Default: 800.</param>
    /// <param name="seed">The seed of the draw. Papers average over ten draws: read the dataset with ten seeds. Default: 0.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="testSize"/> is less than 1.</exception>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset VehicleId(string folder, int testSize = 800, ulong seed = 0, bool testOnly = false) =>
        From(folder, VehicleIdReader.Read(folder, testSize, seed, testOnly));

    /// <summary>Reads CUB-200-2011 for retrieval. Classes 1 to 100 are for training. Each image of the other classes is a query, and all
    /// other images of these classes are its gallery. The dataset's own division for classification is not used. Wah et al., 2011; Song et
    /// al., CVPR 2016.</summary>
    /// <param name="folder">The folder that has <c>images.txt</c>.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset Cub200(string folder, bool testOnly = false) => From(folder, Cub200Reader.Read(folder, testOnly));

    /// <summary>Reads Cars-196 for retrieval. Classes 1 to 98 are for training. Each image of the other classes is a query, and all other
    /// images of these classes are its gallery. The dataset's own division for classification is not used. Krause et al., 2013; Song et
    /// al., CVPR 2016.</summary>
    /// <param name="folder">The folder that has <c>cars_annos.mat</c> and <c>car_ims</c>.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset Cars196(string folder, bool testOnly = false) => From(folder, Cars196Reader.Read(folder, testOnly));

    /// <summary>Reads Stanford Online Products. 11,318 products are for training. Each image of the other 11,316 products is a query, and
    /// all other images of these products are its gallery. Song et al., CVPR 2016.</summary>
    /// <param name="folder">The folder that has <c>Ebay_train.txt</c>.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset StanfordOnlineProducts(string folder, bool testOnly = false) =>
        From(folder, StanfordOnlineProductsReader.Read(folder, testOnly));

    /// <summary>Reads DeepFashion In-Shop Clothes Retrieval. Its partition file divides the images into train, query and gallery. Liu et
    /// al., CVPR 2016.</summary>
    /// <param name="folder">The folder that has <c>Eval</c> or <c>list_eval_partition.txt</c>, and <c>img</c> or <c>Img</c>.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <inheritdoc cref="Msmt17" path="/exception"/>
    public static ReIdDataset InShop(string folder, bool testOnly = false) => From(folder, InShopReader.Read(folder, testOnly));

    /// <summary>Reads Omniglot, in which a class is one character. The characters of <c>images_background</c> are for training. Each
    /// drawing in <c>images_evaluation</c> is a query, and all other drawings there are its gallery. Lake et al., Science 2015.</summary>
    /// <param name="folder">The folder that has these two folders.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <exception cref="ArgumentException"><paramref name="folder"/> is null or empty.</exception>
    /// <exception cref="DirectoryNotFoundException">One of the folders is missing.</exception>
    /// <exception cref="InvalidDataException">One of the folders has no images.</exception>
    public static ReIdDataset Omniglot(string folder, bool testOnly = false) => From(folder, OmniglotReader.Read(folder, testOnly));

    /// <summary>Reads a tree with one folder per identity (<see cref="ImageList.FromFolders"/>) and divides its identities at random. No
    /// identity is in both training and test. Each test image is a query, and all other test images are its gallery.</summary>
    /// <param name="root">The root of the tree.</param>
    /// <param name="trainShare">The share of the identities that are for training, in (0, 1). Default: 0.5.</param>
    /// <param name="seed">The seed of the division. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="trainShare"/> is not in (0, 1).</exception>
    /// <exception cref="InvalidOperationException">There are fewer than two identities. The message names the folder.</exception>
    /// <inheritdoc cref="ImageList.FromFolders" path="/exception"/>
    public static ReIdDataset Folders(string root, double trainShare = 0.5, ulong seed = 0)
    {
        Guard.Between(trainShare, 0, 1);
        var all = ImageList.FromFolders(root);
        if (all.ClassCount < 2) throw new InvalidOperationException(
            $"{root} has images of one folder only, {all.IdentityNames![all.Identities[0]]}, but there must be two identities to divide.");
        var (train, test) = all.SplitIdentities(trainShare, seed);
        return SelfRetrieval(Path.GetFileName(Path.TrimEndingDirectorySeparator(root)), train, test);
    }

    /// <summary>Reads a CSV file (<see cref="ImageList.FromCsv"/>) whose column <c>split</c> has the values <c>train</c>, <c>query</c> and
    /// <c>gallery</c>.</summary>
    /// <param name="csv">The file.</param>
    /// <param name="imageFolder">The folder that the names in the file are relative to.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <param name="countsFromZero">See <see cref="ImageList.CountsFromZero"/>. Default: false.</param>
    /// <param name="splits">The values of <c>split</c> for train, query and gallery. If query and gallery have the same one, each of its
    /// images is searched for among the others. Rows of other splits are left out; a warning names them. Default: null, the three names
    /// above.</param>
    /// <exception cref="ArgumentException"><paramref name="splits"/> are not three, or one is null.</exception>
    /// <inheritdoc cref="ImageList.FromCsv" path="/exception"/>
    public static ReIdDataset Csv(string csv, string imageFolder, bool testOnly = false, bool countsFromZero = false,
        IReadOnlyList<string>? splits = null) => Parts(csv, ImageTable.Csv(csv), imageFolder, testOnly, countsFromZero, splits);

    /// <summary>Reads a file of JSON lines (<see cref="ImageList.FromJsonLines"/>) whose <c>split</c> has the values <c>train</c>,
    /// <c>query</c> and <c>gallery</c>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="imageFolder">The folder that the names in the file are relative to.</param>
    /// <param name="testOnly">Whether to read only query and gallery; <see cref="Train"/> is empty, and files that only training needs may
    /// be missing. Default: false.</param>
    /// <param name="countsFromZero">See <see cref="ImageList.CountsFromZero"/>. Default: false.</param>
    /// <param name="splits">The values of <c>split</c> for train, query and gallery. If query and gallery have the same one, each of its
    /// images is searched for among the others. Rows of other splits are left out; a warning names them. Default: null, the three names
    /// above.</param>
    /// <exception cref="ArgumentException"><paramref name="splits"/> are not three, or one is null.</exception>
    /// <inheritdoc cref="ImageList.FromJsonLines" path="/exception"/>
    public static ReIdDataset JsonLines(string file, string imageFolder, bool testOnly = false, bool countsFromZero = false,
        IReadOnlyList<string>? splits = null) => Parts(file, ImageTable.JsonLines(file), imageFolder, testOnly, countsFromZero, splits);

    /// <summary>Makes a dataset in which each test image is a query and all other test images are its gallery.</summary>
    /// <param name="name">The name that tables show.</param>
    /// <param name="train">The images to train on.</param>
    /// <param name="test">The images that are both queries and gallery.</param>
    /// <param name="published">The published dataset whose counts the lists should have; null for any other dataset.</param>
    /// <exception cref="ArgumentException"><paramref name="name"/> is empty, or an argument other than <paramref name="published"/> is
    /// null.</exception>
    public static ReIdDataset SelfRetrieval(string name, ImageList train, ImageList test, PublishedDataset? published = null)
    {
        RequireIdentities(test);        // the constructor would call it the query
        return new(name, train, test, test, RetrievalProtocol.SelfRetrieval, published);
    }

    private static void RequireIdentities(ImageList list, [CallerArgumentExpression(nameof(list))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(list, name);
        if (!list.HasIdentities)
            throw new ArgumentException($"{name} must have identities: training and evaluation need them.", name);
    }

    /// <summary>Gives the table of identities, images and cameras, followed by the warnings.</summary>
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
            if (count.Distractors > 0)
                text.Append("  (").Append(MessageText.Counted(count.Distractors, "distractor")).Append(')');
            if (count.Junk > 0) text.Append(CultureInfo.InvariantCulture, $"  ({count.Junk:N0} junk)");
            text.AppendLine();
        }
        foreach (var warning in Warnings) text.AppendLine(CultureInfo.InvariantCulture, $"warning: {warning}");
        return text.ToString();
    }

    private static ReIdDataset Parts(string file, ImageTable table, string imageFolder, bool testOnly, bool countsFromZero,
        IReadOnlyList<string>? splits)
    {
        splits ??= ["train", "query", "gallery"];
        if (splits.Count != 3)
            throw new ArgumentException($"splits must be three names, for train, query and gallery, got {splits.Count}.", nameof(splits));
        if (splits.Contains(null))
            throw new ArgumentException("splits must be three names, for train, query and gallery, got null among them.", nameof(splits));
        var (train, query) = (testOnly ? ImageList.None : Read(splits[0]), Read(splits[1]));
        var gallery = splits[1] == splits[2] ? query : Read(splits[2]);
        var data = InputFile.Naming(file, () => new ReIdDataset(Path.GetFileNameWithoutExtension(file), train, query, gallery));
        if (table.RowsOutside(splits) is { } warning) data.Warnings = [warning, .. data.Warnings];
        return data;

        ImageList Read(string split) => table.ToList(imageFolder, split, countsFromZero);
    }

    /// <summary>Makes a dataset of the parts that a reader found. Errors about the lists as a whole name the path.</summary>
    private static ReIdDataset From(string path, DatasetParts parts) => InputFile.Naming(path, () => new ReIdDataset(parts));

    private IEnumerable<string> Check()
    {
        if (Query.Count == 0) throw new InvalidDataException($"{Name}: there are no queries.");
        if (Gallery.Count == 0) throw new InvalidDataException($"{Name}: the gallery has no images.");
        var gallery = Gallery.Identities.ToHashSet();
        var lost = Query.Identities.Where(identity => !gallery.Contains(identity)).ToArray();
        if (lost.Length == Query.ClassCount)
            throw new InvalidDataException($"{Name}: no query identity appears in the gallery " +
                $"(queries have {MessageText.Some(Query.Identities)}; the gallery has {MessageText.Some(Gallery.Identities)}).");
        if (lost.Length > 0)
        {
            var queries = Query.Count(sample => !gallery.Contains(sample.Identity));
            yield return $"{lost.Length} of {Query.ClassCount} query identities {(lost.Length == 1 ? "is" : "are")} not in the gallery: "
                + $"{MessageText.Some(lost)}. So {MessageText.Counted(queries, "query", "queries")} cannot be scored.";
        }
        var both = Train.Identities.Where(identity => identity >= 0 && Train.IsSomebody(identity) && gallery.Contains(identity))
            .ToArray();
        if (both.Length > 0)
            yield return $"{MessageText.Counted(both.Length, "identity is", "identities are")} in training and in the gallery: "
                + $"{MessageText.Some(both)}. Scores on {(both.Length == 1 ? "it" : "them")} say little.";
        foreach (var (list, part) in new[] { (Train, "train"), (Query, "query"), (Gallery, "gallery") }.DistinctBy(pair => pair.Item1))
            if (list.GroupBy(sample => sample.Path, StringComparer.Ordinal).Where(same => same.Skip(1).Any())
                .Select(same => same.Key).ToArray() is { Length: > 0 } repeated)
                yield return $"{part} has {MessageText.Counted(repeated.Length, "image")} more than once: {MessageText.Some(repeated)}. "
                    + "Each time counts.";
        if (!ReferenceEquals(Query, Gallery) && Protocol is { Cameras: CameraFilter.None, RemovesSelf: false, Keep: null }
            && Query.Select(sample => sample.Path).Intersect(Gallery.Select(sample => sample.Path)).ToArray() is { Length: > 0 } own)
            yield return $"{MessageText.Counted(own.Length, "image is", "images are")} in the queries and in the gallery: "
                + $"{MessageText.Some(own)}. {(own.Length == 1 ? "It finds itself." : "They find themselves.")}";
        if (Published?.DifferenceFrom(Train, Query, Gallery) is { } difference) yield return difference;
    }
}
