using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>For each anchor <c>[log Σ_p exp(d(a,p) − m⁺) + log Σ_n exp(m⁻ − d(a,n))]₊</c>.</summary>
/// <remarks>
/// Default: m⁻ = 1, m⁺ = 0, Euclidean distance of rows of length 1, mean over all rows of the batch, as pytorch-metric-learning. A side
/// that an anchor lacks counts as 0, so that one class, or all different ones, still have a loss. Memory O(N²). Hermans, Beyer, Leibe,
/// 2017.
/// </remarks>
public sealed class GeneralizedLiftedStructureLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="negativeMargin">m⁻; 1 by default.</param>
    /// <param name="positiveMargin">m⁺; 0 by default.</param>
    public GeneralizedLiftedStructureLoss(double negativeMargin = 1, double positiveMargin = 0)
        : base(nameof(GeneralizedLiftedStructureLoss))
    {
        (NegativeMargin, PositiveMargin) = (Guard.Finite(negativeMargin), Guard.Finite(positiveMargin));
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>m⁻.</summary>
    public double NegativeMargin { get; }

    /// <summary>m⁺.</summary>
    public double PositiveMargin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        // An anchor of one positive is pulled by its distance alone: it is worked out again, as the matrix is least exact for near rows.
        var (anchors, positives) = pairs.PositivePairs();
        var near = distances.Matrix.reshape(-1)
            .index_copy(0, (anchors * S(pairs.Columns)).Plus(positives), distances[anchors, positives])
            .view_as(distances.Matrix);
        var sides = AnchorTerms.PullAndPush(near, pairs, new Affine(1, -PositiveMargin), new Affine(-1, NegativeMargin), empty: 0);
        yield return new(relu(sides.sum(dim: 0)), RowMath.Rows(near));
    }
}
