namespace MetricLearning.Tests;

/// <summary>Tests that docs/coming-from-python.md has a row for each part of the Python libraries, and that the code that it names
/// exists.</summary>
public class ComingFromPythonTests
{
    private static readonly Page page = Page.Read("docs", "coming-from-python.md");

    public static TheoryData<string> Theirs =>
    [
        // pytorch-metric-learning 2.8.1
        "AngularLoss", "ArcFaceLoss", "CentroidTripletLoss", "CircleLoss", "ContrastiveLoss", "CosFaceLoss", "CrossBatchMemory",
            "DynamicSoftMarginLoss",
        "FastAPLoss", "GeneralizedLiftedStructureLoss", "HistogramLoss", "InstanceLoss", "IntraPairVarianceLoss", "LargeMarginSoftmaxLoss",
        "LiftedStructureLoss", "ManifoldLoss", "MarginLoss", "MultiSimilarityLoss", "MultipleLosses", "NCALoss", "NPairsLoss", "NTXentLoss",
        "NormalizedSoftmaxLoss", "P2SGradLoss", "PNPLoss", "ProxyAnchorLoss", "ProxyNCALoss", "RankedListLoss", "SelfSupervisedLoss",
        "SignalToNoiseRatioContrastiveLoss", "SmoothAPLoss", "SoftTripleLoss", "SphereFaceLoss", "SubCenterArcFaceLoss", "SupConLoss",
        "ThresholdConsistentMarginLoss", "TripletMarginLoss", "TupletMarginLoss", "VICRegLoss",
        "AngularMiner", "BatchEasyHardMiner", "BatchHardMiner", "DistanceWeightedMiner", "EmbeddingsAlreadyPackagedAsTriplets", "HDCMiner",
        "MultiSimilarityMiner", "PairMarginMiner", "TripletMarginMiner", "UniformHistogramMiner",
        "BatchedDistance", "CosineSimilarity", "DotProductSimilarity", "LpDistance", "SNRDistance",
        "AvgNonZeroReducer", "ClassWeightedReducer", "DivisorReducer", "DoNothingReducer", "MeanReducer", "MultipleReducers",
            "PerAnchorReducer",
        "SumReducer", "ThresholdReducer",
        "CenterInvariantRegularizer", "LpRegularizer", "RegularFaceRegularizer", "SparseCentersRegularizer", "ZeroMeanRegularizer",
        "FixedSetOfTriplets", "HierarchicalSampler", "MPerClassSampler", "TuplesToWeightsSampler", "AccuracyCalculator",
        // torchreid, reid-strong-baseline, TransReID, fast-reid
        "TripletLoss", "CrossEntropyLoss", "CenterLoss", "RandomIdentitySampler", "RandomDomainSampler", "RandomDatasetSampler",
            "NaiveIdentitySampler",
        "BalancedIdentitySampler", "SetReWeightSampler", "ImbalancedDatasetSampler", "hard_factor", "pairwise_circleloss",
            "pairwise_cosface",
        "CircleSoftmax", "ArcSoftmax", "CosSoftmax", "focal_loss", "cross_entropy_loss", "triplet_loss", "FastFace",
        // TensorFlow Addons
        "TripletHardLoss", "TripletSemiHardLoss", "LiftedStructLoss", "NpairsLoss", "NpairsMultilabelLoss", "SigmoidFocalCrossEntropy",
        // TensorFlow Similarity, sentence-transformers, open-metric-learning
        "PNLoss", "SoftNearestNeighborLoss", "SimCLRLoss", "MultiNegativesRankLoss", "Barlow", "SimSiamLoss", "VicReg", "XBM",
            "MultiShotMemorySampler",
        "BatchAllTripletLoss", "BatchHardTripletLoss", "BatchSemiHardTripletLoss", "BatchHardSoftMarginTripletLoss",
            "OnlineContrastiveLoss",
        "MultipleNegativesRankingLoss", "CachedMultipleNegativesRankingLoss", "GISTEmbedLoss", "MatryoshkaLoss", "GroupByLabelBatchSampler",
        "CosineSimilarityLoss", "CoSENTLoss", "AnglELoss", "EmbeddingSimilarityEvaluator",
        "AllTripletsMiner", "HardTripletsMiner", "NHardTripletsMiner", "HardClusterMiner", "MinerWithBank", "ArcFaceLossWithMLP",
            "SurrogatePrecision",
        "BalanceSampler", "CategoryBalanceSampler", "DistinctCategoryBalanceSampler",
        // open_clip
        "ClipLoss", "SigLipLoss",
    ];

    [Theory, MemberData(nameof(Theirs))]
    public void EveryPieceOfTheirs_HasARow(string name) => Assert.Contains(
        page.Tables().SelectMany(table => table.Rows), row => row[0].Split([' ', '`', '(', ',']).Contains(name) && row[1].Length > 0);

    [Fact]
    public void WhatItSaysToWrite_IsThere() =>
        Assert.Empty(page.Tables().SelectMany(table => table.Rows).SelectMany(row => Page.Code(row[1]))
        .SelectMany(CodeNames.Unknown));
}
