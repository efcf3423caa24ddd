using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls positives nearer than negatives by a margin: <c>[d(a,p) − d(a,n) + m]₊</c>, or softly <c>log(1 + exp(d(a,p) − d(a,n) +
/// m))</c>.</summary>
/// <remarks>
/// Default: margin 0.3, Euclidean distance of the embeddings as they are, the hardest triplet of each anchor, mean over the triplets, which
/// is the triplet loss of person re-identification. pytorch-metric-learning's default is margin 0.05 with
/// <c>Distance.Euclidean.Normalized()</c>, <c>Miner.All</c> and <c>Reducer.NonZeroMean</c>. All triplets of a large batch are summed in
/// blocks of pairs, in the forward and the backward pass: O(N·M) memory, and the same value and gradient up to rounding. A
/// <see cref="Reducer.Threshold"/> with other bounds, or a reducer of your own, needs each value, so all triplets are then in memory.
/// Schroff, Kalenichenko, Philbin, <i>FaceNet</i>, CVPR 2015, eq. 1; Hermans, Beyer, Leibe, 2017.
/// </remarks>
/// <example><code>
/// using var loss = new TripletLoss(margin: 0.3) { Distance = Distance.Cosine, Miner = new SemiHardMiner() };
/// using var value = loss.call(embeddings, labels);     // [N, D], [N] → a scalar with gradient
/// value.backward();
/// </code></example>
public sealed class TripletLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="margin">The margin m, in units of the distance. Default: 0.3. For the soft margin of Hermans et al. and of
    /// reid-strong-baseline pass 0, and set <see cref="SoftMargin"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public TripletLoss(double margin = 0.3) : base(nameof(TripletLoss))
    {
        Margin = Guard.Finite(margin);
        Miner = new BatchHardMiner();
    }

    /// <summary>The margin m. A schedule may change it during training.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double Margin { get; set => field = Guard.Finite(value); }

    /// <summary>Whether softplus replaces the hinge, so that every triplet keeps a gradient. The margin stays inside. Default:
    /// false.</summary>
    public bool SoftMargin { get; init; }

    /// <summary>Whether d(p,n) replaces d(a,n) if it is smaller. Default: false. Balntas et al., BMVC 2016.</summary>
    public bool Swap { get; init; }

    /// <summary>The hard factor h in [0, 1). Positives count as farther than they are, and negatives as nearer: <c>(1 + h)·d(a,p)</c> and
    /// <c>(1 − h)·d(a,n)</c>. It is the hard_factor of TransReID and CLIP-ReID. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in [0, 1).</exception>
    public double HardFactor
    {
        get;
        init => field = value is >= 0 and < 1 ? value
            : throw new ArgumentOutOfRangeException(nameof(HardFactor), value, "HardFactor must be in [0, 1).");
    }

    /// <summary>
    /// Creates TensorFlow Similarity's PNLoss on the cosine distance: it compares the hardest positive with the nearest negative beyond it,
    /// or with the farthest negative if there is none. d(p,n) replaces d(a,n) if it is smaller. Szubert et al., <i>Structure-preserving
    /// visualisation</i>, Scientific Reports 2019.
    /// </summary>
    /// <param name="margin">The margin m; 1 by default, 0 if the margin is soft.</param>
    /// <param name="softMargin">Whether softplus replaces the hinge. Default: false.</param>
    /// <exception cref="ArgumentOutOfRangeException">The margin is not finite.</exception>
    public static TripletLoss PositiveNegative(double? margin = null, bool softMargin = false) => new(margin ?? (softMargin ? 0 : 1))
    {
        SoftMargin = softMargin,
        Swap = true,
        Distance = Distance.Cosine,
        Miner = new SemiHardMiner { Positives = SemiHardPositives.Hardest, Fallback = SemiHardFallback.FarthestNegative },
    };

    /// <summary>Creates the batch-hard triplet loss as another library defines it, to reproduce its numbers.</summary>
    /// <param name="dialect">The library.</param>
    /// <param name="margin">The margin m; 0.3 by default, 0 if the margin is soft.</param>
    /// <param name="softMargin">Whether softplus replaces the hinge. Default: false.</param>
    /// <exception cref="ArgumentOutOfRangeException">The dialect is not defined, or the margin is not finite.</exception>
    public static TripletLoss BatchHard(BatchHardDialect dialect, double? margin = null, bool softMargin = false) =>
        new(margin ?? (softMargin ? 0 : 0.3))
        {
            SoftMargin = softMargin,
            Miner = new BatchHardMiner { AnchorIsPositive = true, KeepTies = dialect == BatchHardDialect.TorchReId },
            Reducer = dialect == BatchHardDialect.TorchReId ? Reducer.PerAnchor : Reducer.Mean,
            Distance = Guard.Defined(dialect) switch
            {
                BatchHardDialect.Hermans => Distance.Euclidean,
                BatchHardDialect.FastReIdNormalized => Distance.EuclideanSquared.Normalized(),
                _ => Distance.EuclideanClamped,
            },
        };

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        if (PairsToSum(distances, tuples) is { } pairs)
        {
            yield return Sums(distances, tuples.AsPairs().Negatives, pairs.Rows, pairs.Columns);
            yield break;
        }
        var triplets = tuples.AsTriplets();
        yield return new(Swap ? Swapped(distances, triplets) : distances.Costs(triplets, Hinge), triplets.Anchors);
    }

    private TripletCost Hinge => new(1 + HardFactor, 1 - HardFactor, Margin, SoftMargin);

    private Tensor Swapped(DistanceView distances, Triplets triplets)
    {
        var (near, far) = distances.Sides(triplets);
        return Hinge.Of(near, minimum(far, distances.AmongReferences[triplets.Positives, triplets.Negatives]));
    }

    /// <summary>For each positive pair the sum over its anchor's negatives.</summary>
    private LossTerm Sums(DistanceView distances, Tensor negatives, Tensor rows, Tensor columns)
    {
        Tensor[] matrices = Swap ? [distances.Matrix, negatives, distances.AmongReferences.Matrix] : [distances.Matrix, negatives];
        return PairBlocks.Sums(matrices, rows, columns, negatives.size(1), (m, anchors, positives) =>
        {
            var far = m[0].index_select(0, anchors);
            var near = far.gather(1, positives.unsqueeze(1));
            if (m.Count == 3) far = minimum(far, m[2].index_select(0, positives));
            return (Hinge.Of(near, far), m[1].index_select(0, anchors));
        });
    }
}
