using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Pulls positives within one margin and pushes negatives beyond another: <c>[d(a,p) − m⁺]₊ + [m⁻ − d(a,n)]₊</c>, or squared <c>[·]₊²</c>.
/// </summary>
/// <remarks>
/// Default: m⁺ = 0, m⁻ = 1, not squared, Euclidean distance of rows of length 1, the mean over the positives above 0 plus the mean over the
/// negatives above 0: pytorch-metric-learning's ContrastiveLoss. (Its margins 1 and 0 for the cosine similarity are 0 and 1 here for
/// <see cref="Distance.Cosine"/>, because a smaller distance is always nearer.) A batch of one class has only the loss of its positives. A
/// batch whose classes are all different has only the loss of its negatives. Memory O(N²). Hadsell, Chopra, LeCun, <i>Dimensionality
/// Reduction by Learning an Invariant Mapping</i>, CVPR 2006.
/// </remarks>
public sealed class ContrastiveLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="positiveMargin">The positive margin m⁺: positives nearer than this cost nothing. Default: 0.</param>
    /// <param name="negativeMargin">The negative margin m⁻: negatives farther than this cost nothing. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public ContrastiveLoss(double positiveMargin = 0, double negativeMargin = 1) : base(nameof(ContrastiveLoss))
    {
        (PositiveMargin, NegativeMargin) = (Guard.Finite(positiveMargin), Guard.Finite(negativeMargin));
        Distance = Distance.Euclidean.Normalized();
        Reducer = Reducer.NonZeroMean;
    }

    /// <summary>The positive margin m⁺.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double PositiveMargin { get; set => field = Guard.Finite(value); }

    /// <summary>The negative margin m⁻.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double NegativeMargin { get; set => field = Guard.Finite(value); }

    /// <summary>Whether the violations are squared. Default: false.</summary>
    public bool Squared { get; init; }

    /// <summary>Whether positives and negatives are reduced as one list instead of two. Default: false.</summary>
    public bool Together { get; init; }

    /// <summary>
    /// Creates the loss of Hadsell et al. and of TensorFlow Addons' <c>ContrastiveLoss</c>: <c>d²</c> for positives and <c>[m − d]₊²</c>
    /// for negatives, the mean over all pairs, on the Euclidean distance of the embeddings as they are. The paper's formula has a factor of
    /// ½, so its value is half of this one.
    /// </summary>
    /// <param name="margin">The margin m, finite. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The margin is not finite.</exception>
    public static ContrastiveLoss Hadsell(double margin = 1) =>
        new(0, Guard.Finite(margin)) { Squared = true, Together = true, Distance = Distance.Euclidean, Reducer = Reducer.Mean };

    /// <summary>
    /// Creates the sum of <c>d²</c> and <c>[m − d]₊²</c> over only the hard pairs of the batch (<see cref="HardPairsMiner"/>), on the
    /// cosine distance: sentence-transformers' OnlineContrastiveLoss. A batch that is compared with itself has each pair twice.
    /// </summary>
    /// <param name="margin">The margin m, finite. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">The margin is not finite.</exception>
    public static ContrastiveLoss Online(double margin = 0.5) =>
        new(0, Guard.Finite(margin)) { Squared = true, Distance = Distance.Cosine, Miner = new HardPairsMiner(), Reducer = Reducer.Sum };

    /// <summary>
    /// Creates the loss on the ratio of noise to signal, <see cref="Distance.SignalToNoise"/> of rows of length 1:
    /// pytorch-metric-learning's SignalToNoiseRatioContrastiveLoss. Yuan et al., <i>Signal-to-Noise Ratio: A Robust Distance Metric for
    /// Deep Metric Learning</i>, CVPR 2019.
    /// </summary>
    /// <param name="positiveMargin">The positive margin m⁺. Default: 0.</param>
    /// <param name="negativeMargin">The negative margin m⁻. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A margin is not finite.</exception>
    public static ContrastiveLoss SignalToNoise(double positiveMargin = 0, double negativeMargin = 1) =>
        new(positiveMargin, negativeMargin) { Distance = Distance.SignalToNoise.Normalized() };

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var (pull, push) = (new HingeFunction(1, -PositiveMargin, Squared), new HingeFunction(-1, NegativeMargin, Squared));
        if (Together)
        {
            var (near, far) = (OneByOne(distances, tuples.PositivePairs(), pull), OneByOne(distances, tuples.NegativePairs(), push));
            yield return new(cat([near.Values, far.Values]), cat([near.Anchors!, far.Anchors!]));
            yield break;
        }
        var masks = MaySum(distances) ? tuples as Pairs : null;
        yield return SumsOfMany(distances, masks?.Positives, pull) ?? OneByOne(distances, tuples.PositivePairs(), pull);
        yield return SumsOfMany(distances, masks?.Negatives, push) ?? OneByOne(distances, tuples.NegativePairs(), push);
    }

    /// <summary>Computes one sum for each row over the pairs of a mask; null if there is no mask or there are few pairs.</summary>
    private static LossTerm? SumsOfMany(DistanceView distances, Tensor? mask, HingeFunction violation) =>
        mask is null || distances.AreFew(RowMath.Count(mask)) ? null : AnchorTerms.Sums(distances.Matrix, mask, violation);

    /// <summary>Computes one value for each pair.</summary>
    private static LossTerm OneByOne(DistanceView distances, (Tensor Rows, Tensor Columns) pairs, HingeFunction violation) =>
        new(violation.Apply(distances[pairs.Rows, pairs.Columns]), pairs.Rows);
}
