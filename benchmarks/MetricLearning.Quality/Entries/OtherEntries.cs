using static MetricLearning.Quality.StepData;
using static TorchSharp.torch;

namespace MetricLearning.Quality;

/// <summary>Losses on two views, which are two pictures of one identity here, and losses that wrap others.</summary>
internal static class OtherEntries
{
    public static IReadOnlyList<Entry> All { get; } =
    [
        Views("self-supervised NT-Xent", value => new SelfSupervisedLoss(new NTXentLoss(value)), "temperature", 0.05, 0.1, 0.2),
        Views("Barlow Twins", value => new BarlowTwinsLoss(value), "redundancy weight", 0.005, 0.02),
        Views("VICReg", value => new VicRegLoss { CovarianceWeight = value }, "covariance weight", 1, 5),
        Views("SimSiam", _ => new SimSiamLoss(), null),
        new("GISTEmbed", making =>
        {
            // The guide is what the network sees: it knows pictures that look alike before any training.
            var loss = new GistEmbedLoss(making.Value);
            return new(loss, step =>
            {
                var guide = step.Pictures.flatten(1);
                return loss.call(First(step.Embedding), Second(step.Embedding), First(guide), Second(guide));
            });
        }) { Setting = "temperature", Values = [0.05, 0.1, 0.2], Batches = Batches.P32K2 },
        new("multi-label N-pairs", making =>
        {
            var loss = new MultiLabelNPairsLoss();
            return new(loss, step => loss.call(First(step.Embedding), Second(step.Embedding),
                nn.functional.one_hot(First(step.Labels), making.Classes)));
        }) { Batches = Batches.P32K2 },
        new("instance, two views", making =>
        {
            var loss = new InstanceLoss(making.Value);
            return new(loss, step =>
            {
                using var batch = new LossBatch(First(step.Embedding), First(step.Labels), Second(step.Embedding),
                    Second(step.Labels));
                return loss.call(batch);
            });
        }) { Setting = "scale", Values = [8, 16, 32], Batches = Batches.P32K2 },
        new("contrastive with a memory of 1,024", making => Objective.Of(new CrossBatchMemory(
            new ContrastiveLoss(negativeMargin: making.Value) { Distance = Distance.Euclidean.Normalized() }, making.Dimension, 1024)))
        {
            Setting = "margin", Values = [0.6, 0.9, 1.2],
        },
        new("multi-similarity, Matryoshka 16, 32, 64", making => Objective.Of(new MatryoshkaLoss(
            new MultiSimilarityLoss(offset: making.Value), [16, 32, 64]))) { Setting = "offset", Values = [0.3, 0.5, 0.7] },
        new("triplet + softmax", making => Objective.Of(TripletAndSoftmax(making))) { Setting = "margin", Values = [0.1, 0.3, 1] },
        new("triplet + softmax, BNNeck between", making => Objective.Of(TripletAndSoftmax(making)))
        {
            Setting = "margin", Values = [0.1, 0.3, 1], Head = new(BatchNorm: true),
        },
        new("triplet + length of rows", making => Objective.Of(new LossSum().Add("triplet", new TripletLoss())
            .Add("length", new RegularizerLoss(Regularizer.Lp()), weight: making.Value)))
        {
            Setting = "weight", Values = [0.001, 0.01, 0.1],
        },
    ];

    /// <summary>As Bag of Tricks has it: the triplet loss on the features, the softmax on the embedding.</summary>
    private static LossSum TripletAndSoftmax(Making making) => new LossSum().Add("triplet", new TripletLoss(making.Value))
        .Add("softmax", new SoftmaxLoss(making.Classes, making.Dimension) { LabelSmoothing = 0.1 }, output => output.Embedding);

    private static Entry Views(string name, Func<double, ViewLoss> of, string? setting, params double[] values) =>
        new(name, making => Objective.OfViews(of(making.Value))) { Setting = setting, Values = values, Batches = Batches.P32K2 };
}
