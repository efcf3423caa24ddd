using MetricLearning;
using MetricLearning.Vision;

namespace PersonReId.Recipes;

/// <summary>The recipes that the program knows by name.</summary>
internal static class PublishedRecipes
{
    private const string ImageNet = "ImageNet";

    /// <summary>The recipe of the lesson, and the default.</summary>
    public static Recipe Lesson { get; } = new()
    {
        Name = "lesson",
        Source = "the lesson: docs/person-reid.md",
        Architecture = "resnet50",
        Weights = ImageNet,
        Losses =
        [
            new("triplet", LossKind.BatchHardTriplet) { Margin = 0.3 },
            new("identity", LossKind.CrossEntropy) { Smoothing = 0.1 },
        ],
        Milestones = [40, 70],
        WarmUp = TrainingSpan.Epochs(10),
    };

    private static readonly Recipe bagOfTricks = new()
    {
        Name = "bag-of-tricks",
        Source = "Luo et al. 2019; reid-strong-baseline, configs/softmax_triplet_with_center.yml",
        Differences =
        [
            "The original counts epochs from 1: its rate falls in epochs 40 and 70, that is after 39 and 69 epochs, as here. In its "
                + "first epoch a tenth of the warm-up is over, so the rate rises from 0.109 in 9 epochs, as here.",
            "An epoch draws every image once (AllImages), as its sampler does up to leftovers.",
        ],
        Architecture = "resnet50",
        Weights = ImageNet,
        Losses =
        [
            new("triplet", LossKind.BatchHardTriplet) { Margin = 0.3 },
            new("identity", LossKind.CrossEntropy) { Smoothing = 0.1 },
            new("center", LossKind.Center) { Weight = 0.0005, OwnRate = 0.5 },
        ],
        Milestones = [39, 69],
        WarmUp = TrainingSpan.Epochs(9),
        WarmUpFactor = 0.109,
        Update = ScheduleUpdate.EachEpoch,
    };

    private const string CountedFromWarmUp = "The original counts the epochs 40 and 90 of its schedule from the end of the warm-up, "
        + "which is in the 10th epoch of Market-1501: there its rate falls after 49 and 99 epochs, as here. With other data its epochs "
        + "are others.";

    private static readonly Recipe fastReIdBoT = new()
    {
        Name = "fastreid-bot",
        Source = "fast-reid, configs/Base-bagtricks.yml",
        Differences =
        [
            "Float32 in place of mixed precision.",
            "An epoch draws every image; its sampler draws identities until fewer than a batch are left.",
            CountedFromWarmUp,
        ],
        Architecture = "resnet50",
        Weights = ImageNet,
        ErasingOrder = ErasingOrder.BeforeNormalization,
        Losses =
        [
            new("triplet", LossKind.FastReIdTriplet) { Margin = 0.3 },
            new("identity", LossKind.FastReIdCrossEntropy) { Smoothing = 0.1 },
        ],
        Milestones = [49, 99],
        WarmUp = TrainingSpan.Iterations(2000),
    };

    private static readonly Recipe agw = fastReIdBoT with
    {
        Name = "agw",
        Source = "Ye et al. 2021; fast-reid, configs/Base-AGW.yml",
        Architecture = "resnet50_nl",
        Losses =
        [
            new("triplet", LossKind.WeightedTriplet),
            new("identity", LossKind.FastReIdCrossEntropy) { Smoothing = 0.1 },
        ],
    };

    private static readonly Recipe sbs = fastReIdBoT with
    {
        Name = "sbs",
        Source = "He et al. 2020; fast-reid, configs/Base-SBS.yml",
        Differences =
        [
            .. fastReIdBoT.Differences.Where(difference => difference != CountedFromWarmUp),
            "The cosine falls at each iteration; its own falls at each epoch.",
            "Label smoothing of the circle softmax is over all classes, with the plain form.",
        ],
        Architecture = "resnet50_nl",
        Height = 384,
        IdentitiesPerBatch = 4,
        ImagesPerIdentity = 16,
        AutoAugment = 0.1,
        Losses =
        [
            new("triplet", LossKind.FastReIdTriplet) { OfEmbedding = true },
            new("identity", LossKind.CircleSoftmax) { Margin = 0.35, Scale = 64, Smoothing = 0.1, OfEmbedding = true },
        ],
        Epochs = 60,
        Schedule = ScheduleKind.Cosine,
        Milestones = [],
        FallFrom = 30,
        MinimumFactor = 0.002,
        FrozenFor = TrainingSpan.Iterations(1000),
        Frozen = ["backbone"],
    };

    private static readonly Recipe osnet = new()
    {
        Name = "osnet",
        Source = "Zhou et al. 2019; torchreid, configs/im_osnet_x1_0_softmax_256x128_amsgrad_cosine.yaml",
        Differences =
        [
            "250 epochs of batches of 64, as in the original's comments and table; its configuration file says 50 of 32.",
        ],
        Architecture = "osnet_x1_0",
        Weights = ImageNet,
        Shuffles = true,
        Padding = 0,
        Erasing = 0,
        Losses = [new("identity", LossKind.CrossEntropy) { Smoothing = 0.1 }],
        Optimizer = OptimizerKind.AmsGrad,
        LearningRate = 0.0015,
        Epochs = 250,
        Schedule = ScheduleKind.Cosine,
        Update = ScheduleUpdate.EachEpoch,
        FrozenFor = TrainingSpan.Epochs(10),
        Frozen = ["backbone", "fc"],
        ComparesByCosine = false,
    };

    private static readonly Recipe transReId = new()
    {
        Name = "transreid",
        Source = "He et al. 2021; TransReID, configs/Market/vit_base.yml (its ViT baseline)",
        Differences =
        [
            "Without side information and the jigsaw branch: the library has both, and this program trains one embedding.",
            "Float32 in place of mixed precision.",
            "The embedding behind the neck is compared; it compares the feature before the neck.",
            "Erased places get ImageNet's mean in place of noise.",
            "The warm-up multiplies the falling rate; its own replaces it for 5 epochs. Its schedule counts epochs from 1, so it is one "
                + "epoch ahead of this one.",
        ],
        Architecture = "vit_base",
        Weights = ImageNet,
        Interpolation = "bicubic",
        Mean = 0.5f,
        Losses = [new("triplet", LossKind.BatchHardTriplet), new("identity", LossKind.CrossEntropy)],
        Optimizer = OptimizerKind.Sgd,
        LearningRate = 0.008,
        WeightDecay = 1e-4,
        BiasRate = 2,
        Schedule = ScheduleKind.Cosine,
        MinimumFactor = 0.002,
        WarmUp = TrainingSpan.Epochs(5),
        WarmUpFactor = 0.01,
        Update = ScheduleUpdate.EachEpoch,
    };

    private static readonly Recipe fineGrained = new()
    {
        Name = "fine-grained",
        Source = "Kim et al. 2020; Proxy-Anchor-CVPR2020, code/train.py with the options of its README for ResNet-50 on Cars-196",
        Differences =
        [
            "Batch normalization trains; it freezes the statistics of the backbone.",
            "The embedding is the whole pooled feature; it has a layer to 512 numbers on the sum of average and maximum pooling.",
        ],
        Architecture = "resnet50_s2_plain",
        Weights = ImageNet,
        Height = 224,
        Width = 224,
        IdentitiesPerBatch = 30,
        Shuffles = true,
        Padding = 0,
        CropArea = 0.08,
        Erasing = 0,
        Losses = [new("proxies", LossKind.ProxyAnchor) { Margin = 0.1, Scale = 32, OfEmbedding = true }],
        Optimizer = OptimizerKind.AdamW,
        LearningRate = 1e-4,
        WeightDecay = 1e-4,
        LossRate = 100,
        GradientLimit = 10,
        Epochs = 60,
        Milestones = [10, 20, 30, 40, 50],
        StepFactor = 0.5,
        Update = ScheduleUpdate.EachEpoch,
        FrozenFor = TrainingSpan.Epochs(5),
        Frozen = ["backbone"],
    };

    private static readonly Recipe imageRetrieval = new()
    {
        Name = "image-retrieval",
        Source = "open-metric-learning, examples/extractor_sop/train_sop.yaml",
        Differences =
        [
            "30 epochs; the original trains until it is stopped.",
            "A batch draws 32 identities from all; the original draws them from 3 categories.",
            "Random crop and flip of its augmentation, without its color changes.",
            "Float32 on one device in place of mixed precision on two.",
        ],
        Architecture = "vit_small",
        Weights = "DINO",
        Height = 224,
        Width = 224,
        Interpolation = "bicubic",
        IdentitiesPerBatch = 32,
        ImagesPerIdentity = 6,
        Padding = 0,
        CropArea = 0.2,
        Erasing = 0,
        Losses = [new("triplet", LossKind.BatchHardTriplet) { Margin = 0.15, OfEmbedding = true, Normalized = true }],
        LearningRate = 1e-5,
        WeightDecay = 0,
        Epochs = 30,
    };

    /// <summary>All of them; the lesson is the first.</summary>
    public static IReadOnlyList<Recipe> All { get; } =
        [Lesson, bagOfTricks, fastReIdBoT, agw, sbs, osnet, transReId, fineGrained, imageRetrieval];

    public static Recipe Named(string name) => All.First(recipe => recipe.Name == name);
}
