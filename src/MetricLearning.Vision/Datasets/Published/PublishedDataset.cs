namespace MetricLearning.Vision;

/// <summary>The facts about a published dataset: its source, its layout and the number of its images.</summary>
/// <remarks>Most of these datasets may not be redistributed without the permission of their authors, so the library downloads none of them.
/// <see cref="Terms"/> has the terms of each. If <see cref="IsSelfRetrieval"/> is set, one set of test images is both <see cref="Query"/>
/// and <see cref="Gallery"/>. Thread safety: immutable; any number of threads may use it at once.</remarks>
public sealed record PublishedDataset
{
    private PublishedDataset()
    {
    }

    /// <summary>The name that papers use.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public required string Name { get; init => field = Guard.NotNull(value); }

    /// <summary>The page where its authors provide it.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public required string Source { get; init => field = Guard.NotNull(value); }

    /// <summary>The terms of use, as its authors state them.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public required string Terms { get; init => field = Guard.NotNull(value); }

    /// <summary>The files and folders that its reader expects.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public required string Layout { get; init => field = Guard.NotNull(value); }

    /// <summary>The counts of the training part; null if publications disagree.</summary>
    public PartCounts? Train { get; init; }

    /// <summary>The counts of the queries; null if publications disagree.</summary>
    public PartCounts? Query { get; init; }

    /// <summary>The counts of the gallery, with distractors counted as images; null if publications disagree.</summary>
    public PartCounts? Gallery { get; init; }

    /// <summary>Whether each test image is a query and all other test images are its gallery.</summary>
    public bool IsSelfRetrieval { get; init; }

    /// <summary>Market-1501: Zheng et al., ICCV 2015.</summary>
    public static PublishedDataset Market1501 { get; } = new()
    {
        Name = "Market-1501", Source = "https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html", Terms = "academic research",
        Layout = "bounding_box_train/, query/ and bounding_box_test/ with images named 0002_c1s1_000451_03.jpg",
        Train = new(12_936, 751), Query = new(3_368, 750), Gallery = new(15_913, 750),
    };

    /// <summary>MSMT17: Wei et al., CVPR 2018. The counts hold for both versions; the second has faces masked.</summary>
    public static PublishedDataset Msmt17 { get; } = new()
    {
        Name = "MSMT17", Source = "https://www.pkuvmc.com/dataset.html", Terms = "academic research, by signed agreement",
        Layout = "train/ and test/ (V1) or mask_train_v2/ and mask_test_v2/ (V2), " +
            "list_train.txt, list_val.txt, list_query.txt, list_gallery.txt",
        Train = new(32_621, 1_041), Query = new(11_659, 3_060), Gallery = new(82_161, 3_060),
    };

    /// <summary>CUHK03 in the new protocol, detected boxes: Li et al., CVPR 2014; Zhong et al., CVPR 2017.</summary>
    public static PublishedDataset Cuhk03Detected { get; } = new()
    {
        Name = "CUHK03-NP (detected)", Source = "https://github.com/zhunzhong07/person-re-ranking", Terms = "academic research",
        Layout = "bounding_box_train/, query/ and bounding_box_test/ with images named 0003_c1_21.png",
        Train = new(7_365, 767), Query = new(1_400, 700), Gallery = new(5_332, 700),
    };

    /// <summary>CUHK03 in the new protocol, boxes drawn by hand.</summary>
    public static PublishedDataset Cuhk03Labeled { get; } = Cuhk03Detected with
    {
        Name = "CUHK03-NP (labeled)", Train = new(7_368, 767), Query = new(1_400, 700), Gallery = new(5_328, 700),
    };

    /// <summary>CUHK03 in its first protocol, 20 random splits: Li et al., CVPR 2014.</summary>
    public static PublishedDataset Cuhk03Classic { get; } = new()
    {
        Name = "CUHK03 (classic)", Source = "https://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html", Terms = "academic research",
        Layout = "a JSON file of splits as torchreid writes it, " +
            "and a folder of images named 1_023_2_05.png (camera pair, person, view, image)",
    };

    /// <summary>VIPeR: Gray et al., PETS 2007. The counts are those of each random division into halves.</summary>
    public static PublishedDataset Viper { get; } = new()
    {
        Name = "VIPeR", Source = "https://vision.soe.ucsc.edu/node/178", Terms = "research",
        Layout = "cam_a/ and cam_b/ with one image of each person, named 000_45.bmp (person, direction of view)",
        Train = new(632, 316), Query = new(316, 316), Gallery = new(316, 316),
    };

    /// <summary>QMUL underGround Re-IDentification (GRID): Loy et al., CVPR 2009. The gallery has 775 distractors: images of people who are
    /// not among the queries.</summary>
    public static PublishedDataset Grid { get; } = new()
    {
        Name = "GRID", Source = "https://personal.ie.cuhk.edu.hk/~ccloy/downloads_qmul_underground_reid.html", Terms = "academic research",
        Layout = "probe/ and gallery/ with images named 0001_1_25004_107_32_106_221.jpeg (person, camera, ...), and "
            + "features_and_partitions.mat",
        Train = new(250, 125), Query = new(125, 125), Gallery = new(900, 125),
    };

    /// <summary>VeRi-776: Liu et al., ECCV 2016.</summary>
    public static PublishedDataset VeRi776 { get; } = new()
    {
        Name = "VeRi-776", Source = "https://github.com/JDAI-CV/VeRidataset", Terms = "non-commercial research, by request",
        Layout = "image_train/, image_query/ and image_test/, name_train.txt, name_query.txt and name_test.txt, " +
            "and optionally test_track.txt",
        Train = new(37_778, 576), Query = new(1_678, 200), Gallery = new(11_579, 200),
    };

    /// <summary>VehicleID: Liu et al., CVPR 2016. The gallery has one random image of each test vehicle. The counts are those of the test
    /// list of 800 vehicles.</summary>
    public static PublishedDataset VehicleId { get; } = new()
    {
        Name = "VehicleID", Source = "https://www.pkuml.org/resources/pku-vehicleid.html", Terms = "academic research, by request",
        Layout = "image/ and train_test_split/ with train_list.txt and test_list_800.txt, test_list_1600.txt or test_list_2400.txt",
        Query = new(5_693, 800), Gallery = new(800, 800),
    };

    /// <summary>CUB-200-2011: Wah et al., 2011. The first 100 classes train, the others test (Song et al., CVPR 2016).</summary>
    public static PublishedDataset Cub200 { get; } = new()
    {
        Name = "CUB-200-2011", Source = "https://www.vision.caltech.edu/datasets/cub_200_2011/", Terms = "non-commercial research",
        Layout = "images/, images.txt and image_class_labels.txt",
        Train = new(5_864, 100), Query = new(5_924, 100), Gallery = new(5_924, 100), IsSelfRetrieval = true,
    };

    /// <summary>Cars-196: Krause et al., 2013. The first 98 classes train, the others test (Song et al., CVPR 2016).</summary>
    public static PublishedDataset Cars196 { get; } = new()
    {
        Name = "Cars-196", Source = "http://ai.stanford.edu/~jkrause/cars/car_dataset.html",
        Terms = "non-commercial research; the page and its files have been offline since 2023",
        Layout = "cars_annos.mat and car_ims/",
        Train = new(8_054, 98), Query = new(8_131, 98), Gallery = new(8_131, 98), IsSelfRetrieval = true,
    };

    /// <summary>Stanford Online Products: Song et al., CVPR 2016.</summary>
    public static PublishedDataset StanfordOnlineProducts { get; } = new()
    {
        Name = "SOP", Source = "https://cvgl.stanford.edu/projects/lifted_struct/", Terms = "research",
        Layout = "Ebay_train.txt, Ebay_test.txt and the twelve folders such as bicycle_final/ that they name",
        Train = new(59_551, 11_318), Query = new(60_502, 11_316), Gallery = new(60_502, 11_316), IsSelfRetrieval = true,
    };

    /// <summary>DeepFashion In-Shop: Liu et al., CVPR 2016.</summary>
    public static PublishedDataset InShop { get; } = new()
    {
        Name = "In-Shop", Source = "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html",
        Terms = "non-commercial research, by signed agreement",
        Layout = "Eval/list_eval_partition.txt or list_eval_partition.txt, and img/ or Img/img/",
        Train = new(25_882, 3_997), Query = new(14_218, 3_985), Gallery = new(12_612, 3_985),
    };

    /// <summary>Omniglot: Lake et al., Science 2015. A class is a character of an alphabet.</summary>
    public static PublishedDataset Omniglot { get; } = new()
    {
        Name = "Omniglot", Source = "https://github.com/brendenlake/omniglot", Terms = "MIT",
        Layout = "images_background/ and images_evaluation/, each with one folder per alphabet and in it one folder per character",
        Train = new(19_280, 964), Query = new(13_180, 659), Gallery = new(13_180, 659), IsSelfRetrieval = true,
    };

    /// <summary>All published datasets that have a reader.</summary>
    public static IReadOnlyList<PublishedDataset> All { get; } =
    [
        Market1501, Msmt17, Cuhk03Detected, Cuhk03Labeled, Cuhk03Classic, Viper, Grid, VeRi776, VehicleId, Cub200, Cars196,
        StanfordOnlineProducts, InShop, Omniglot,
    ];

    /// <summary>Describes how the counts of a dataset differ from the published ones. Null if they are equal. Also null if a part has less
    /// than half of the published images, since it is then obviously a subset.</summary>
    internal string? DifferenceFrom(ImageList train, ImageList query, ImageList gallery)
    {
        var parts = new[] { ("train", train, Train), ("query", query, Query), ("gallery", gallery, Gallery) }
            .Where(part => part.Item3 is not null && part.Item2.Count > 0)
            .Select(part => (Name: part.Item1, Found: PartCounts.Of(part.Item2), Published: part.Item3!.Value)).ToArray();
        var odd = parts.Where(part => part.Found != part.Published).ToArray();
        return odd.Length == 0 || parts.Any(part => 2 * part.Found.Images < part.Published.Images) ? null
            : $"this is not {Name} as published (images / identities): " +
              $"{string.Join("; ", odd.Select(part => $"{part.Name} has {part.Found}, not {part.Published}"))}.";
    }
}
