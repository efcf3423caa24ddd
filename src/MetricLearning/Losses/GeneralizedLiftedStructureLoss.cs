using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Pulls the farthest positives of each anchor and pushes its nearest negatives, both by a soft maximum: <c>[log Σ_p exp(d(a,p) −
/// m⁺) + log Σ_n exp(m⁻ − d(a,n))]₊</c>.</summary>
/// <remarks>
/// Default: m⁻ = 1, m⁺ = 0, Euclidean distance of rows of length 1, mean over all rows of the batch, as in pytorch-metric-learning. A side
/// that an anchor lacks counts as 0, so a batch of one class, or of all different classes, still has a loss. Memory O(N²). Hermans, Beyer,
/// Leibe, 2017.
/// </remarks>
public sealed class GeneralizedLiftedStructureLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="negativeMargin">The negative margin m⁻. Default: 1.</param>
    /// <param name="positiveMargin">The positive margin m⁺. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public GeneralizedLiftedStructureLoss(double negativeMargin = 1, double positiveMargin = 0)
        : base(nameof(GeneralizedLiftedStructureLoss))
    {
        (NegativeMargin, PositiveMargin) = (Guard.Finite(negativeMargin), Guard.Finite(positiveMargin));
        Distance = Distance.Euclidean.Normalized();
    }

    /// <summary>The negative margin m⁻.</summary>
    public double NegativeMargin { get; }

    /// <summary>The positive margin m⁺.</summary>
    public double PositiveMargin { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        // An anchor with one positive is pulled by that distance alone, and the matrix is least exact for near rows: compute it again.
        var (anchors, positives) = pairs.PositivePairs();
        var near = distances.Matrix.reshape(-1)
            .index_copy(0, (anchors * S(pairs.Columns)).Plus(positives), distances[anchors, positives])
            .view_as(distances.Matrix);
        var sides = AnchorTerms.PullAndPush(near, pairs, new Affine(1, -PositiveMargin), new Affine(-1, NegativeMargin), empty: 0);
        yield return new(relu(sides.sum(dim: 0)), RowMath.Rows(near));
    }
}
