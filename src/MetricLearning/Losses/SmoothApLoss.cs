namespace MetricLearning;

/// <summary>
/// 1 − a smooth average precision of each anchor. The average precision is the mean over its positives p, including the anchor itself, of
/// <c>(1 + R⁺_p) / (1 + R_p)</c>, where <c>R_p = Σ_z σ((s_z − s_p) / τ)</c> counts all others that are more similar than p, and R⁺ the
/// positives among them.
/// </summary>
/// <remarks>
/// Default: τ = 0.01 over cosines s, mean over the anchors that have positives, as in the authors' code and in pytorch-metric-learning.
/// Both need a batch that is ordered by class, with classes of equal size; this loss takes any batch. The authors use dot products of
/// embeddings that the network has normalized. The distance is fixed: 1 − s. Memory O(N²): ranks of many pairs are computed in blocks.
/// Brown et al., <i>Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval</i>, ECCV 2020.
/// </remarks>
public sealed class SmoothApLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public SmoothApLoss(double temperature = 0.01) : base(nameof(SmoothApLoss), Distance.Cosine) =>
        Temperature = Guard.Positive(temperature);

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (rows, columns) = SmoothRank.WithSelf(pairs);
        if (rows.size(0) == 0) yield break;
        var positives = pairs.Positives | pairs.Own();
        // A positive counts itself as ½ in both sums, so 1 + R without it equals ½ + R with it.
        var near = S(0.5) + SmoothRank.Nearer(distances.Matrix, rows, columns, positives, Temperature);
        var all = near.Plus(SmoothRank.Nearer(distances.Matrix, rows, columns, pairs.Negatives, Temperature));
        yield return SmoothRank.MeanByRow(S(1) - near / all, rows, pairs.Rows);
    }
}
