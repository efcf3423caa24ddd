using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Pulls positives nearer than negatives by a margin: <c>[d(a,p) − d(a,n) + m]₊</c>, or softly <c>log(1 + exp(d(a,p) − d(a,n) + m))</c>.</summary>
/// <remarks>
/// Default: margin 0.3, Euclidean distance of the embeddings as they are, the hardest triplet of each anchor, mean over the triplets, which is
/// the triplet loss of person re-identification. pytorch-metric-learning's default is margin 0.05 with
/// <c>Distance.Euclidean.Normalized()</c>, <c>Miner.All</c> and <c>Reducer.NonZeroMean</c>. All triplets of a batch are
/// O(N·K·N) for K positives an anchor: mine beyond a few hundred rows.
/// Schroff, Kalenichenko, Philbin, <i>FaceNet</i>, CVPR 2015, eq. 1; Hermans, Beyer, Leibe, 2017.
/// </remarks>
public sealed class TripletLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">m, in units of the distance; 0.3 by default. For the soft margin of Hermans and reid-strong-baseline give 0.</param>
    public TripletLoss(double margin = 0.3) : base(nameof(TripletLoss))
    {
        Margin = double.IsFinite(margin) ? margin : throw new ArgumentOutOfRangeException(nameof(margin), margin, "margin must be finite.");
        Miner = new BatchHardMiner();
    }

    /// <summary>m.</summary>
    public double Margin { get; }

    /// <summary>Whether the hinge is replaced by softplus, which never ends to pull. The margin stays inside. False by default.</summary>
    public bool SoftMargin { get; init; }

    /// <summary>Whether d(p,n) takes the place of d(a,n) where it is smaller. False by default. Balntas et al., BMVC 2016.</summary>
    public bool Swap { get; init; }

    /// <summary>The batch-hard triplet loss as another library defines it, so that its numbers can be met.</summary>
    /// <param name="dialect">Which library.</param>
    /// <param name="margin">0.3 by default, 0 where the margin is soft.</param>
    /// <param name="softMargin">softplus in place of the hinge.</param>
    public static TripletLoss BatchHard(BatchHardDialect dialect, double? margin = null, bool softMargin = false) =>
        new(margin ?? (softMargin ? 0 : 0.3))
        {
            SoftMargin = softMargin,
            Miner = new BatchHardMiner { AnchorIsPositive = true, KeepTies = dialect == BatchHardDialect.Torchreid },
            Reducer = dialect == BatchHardDialect.Torchreid ? Reducer.PerAnchor : Reducer.Mean,
            Distance = dialect switch
            {
                BatchHardDialect.Hermans => Distance.Euclidean,
                BatchHardDialect.FastReidNormalized => Distance.EuclideanSquared.Normalized(),
                _ => Distance.EuclideanClamped,
            },
        };

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var triplets = tuples.AsTriplets();
        var (near, far) = distances.Sides(triplets);
        if (Swap) far = minimum(far, distances.AmongReferences[triplets.Positives, triplets.Negatives]);
        var violation = near - far + S(Margin);
        yield return new(SoftMargin ? RowMath.Softplus(violation) : relu(violation), triplets.Anchors);
    }
}
