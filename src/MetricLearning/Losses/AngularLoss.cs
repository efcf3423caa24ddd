using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Bounds the angle at the negative of each triplet: <c>log(1 + Σ_n exp(4 tan²α·(a + p)·n − 2(1 + tan²α)·a·p))</c> for each positive pair,
/// on rows of length 1.
/// </summary>
/// <remarks>
/// Default: α = 40°, mean over the positive pairs. pytorch-metric-learning scales anchors and positives to length 1, but not the negatives;
/// <see cref="RawNegatives"/> does the same. It makes no difference if the embeddings have length 1. The distance is fixed: 1 − s. A pair
/// that several triplets share counts once. Memory O(N²): the negatives of many pairs are summed in blocks. Wang et al., <i>Deep Metric
/// Learning with Angular Loss</i>, ICCV 2017.
/// </remarks>
public sealed class AngularLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="degrees">The angle α in degrees, above 0 and below 90. Default: 40.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public AngularLoss(double degrees = 40) : base(nameof(AngularLoss), Distance.Cosine)
    {
        Degrees = degrees is > 0 and < 90 ? degrees
            : throw new ArgumentOutOfRangeException(nameof(degrees), degrees, "degrees must be above 0 and below 90.");
    }

    /// <summary>The angle α in degrees.</summary>
    public double Degrees { get; }

    /// <summary>Whether negatives keep their length, as in pytorch-metric-learning. Default: false.</summary>
    public bool RawNegatives { get; init; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (anchors, positives) = pairs.PositivePairs();
        var square = Math.Pow(Math.Tan(double.DegreesToRadians(Degrees)), 2);
        List<Tensor> matrices = [distances.Matrix, distances.AmongReferences.Matrix, pairs.Negatives];
        if (RawNegatives) matrices.Add(RowLengths.Of(distances.Batch.References));
        var push = PairBlocks.Map(matrices, anchors, positives, pairs.Columns, (m, a, p) =>
        {
            var sums = S(2) - m[0].index_select(0, a) - m[1].index_select(0, p);
            if (m.Count == 4) sums = sums * m[3];
            return RowMath.LogSumExp(sums, m[2].index_select(0, a), new Affine(4 * square));
        });
        yield return new(RowMath.Softplus(push - S(2 * (1 + square)) * (S(1) - distances[anchors, positives])), anchors);
    }
}
