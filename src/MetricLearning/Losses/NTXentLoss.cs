namespace MetricLearning;

/// <summary>
/// Classifies the positive of each positive pair among the negatives of its anchor: <c>−log(exp(s_p/τ) / (exp(s_p/τ) + Σ_n
/// exp(s_n/τ)))</c>. Other names are InfoNCE, SimCLR's loss, and multiple-negatives ranking.
/// </summary>
/// <remarks>
/// Default: τ = 0.07, cosines s (computed as −d from the cosine distance d, because a constant offset makes no difference), mean over the
/// positive pairs, as in pytorch-metric-learning. An anchor's other positives are left out of the denominator; in <see cref="SupConLoss"/>
/// they are in it. For two views without labels, pass one as embeddings and one as references, with the row numbers as labels. A pair that
/// several triplets share counts once; an anchor without negatives has the loss 0. Memory O(N²). van den Oord, Li, Vinyals, 2018 (InfoNCE);
/// Chen et al., <i>SimCLR</i>, ICML 2020, eq. 1.
/// </remarks>
public sealed class NTXentLoss : TupleLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.07.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public NTXentLoss(double temperature = 0.07) : base(nameof(NTXentLoss))
    {
        Temperature = Guard.Positive(temperature);
        Distance = Distance.Cosine;
    }

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (anchors, positives) = pairs.PositivePairs();
        var push = RowMath.LogSumExp(distances.Matrix, pairs.Negatives, new Affine(-1 / Temperature)).index_select(0, anchors);
        yield return new(RowMath.Softplus(push.Plus(distances[anchors, positives] / S(Temperature))), anchors);
    }
}
