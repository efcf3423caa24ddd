using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Proxies as anchors: <c>Σ_{p∈P⁺} log(1 + Σ_{x∈p} e^{−α(s−δ)}) / |P⁺| + Σ_p log(1 + Σ_{x∉p} e^{α(s+δ)}) / C</c> over cosines s, where P⁺
/// are the proxies of the classes in the batch.
/// </summary>
/// <remarks>
/// Default: δ = 0.1, α = 32, and the two divisors of the formula (<see cref="Reducer.Divisor"/>). Its values belong to proxies, not to
/// samples, so no miner can weight them. Kim et al., <i>Proxy Anchor Loss</i>, CVPR 2020, eq. 4; as in pytorch-metric-learning. Proxies
/// need a greater learning rate than the network (100 times in the paper).
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin δ, finite. Default: 0.1.</param>
/// <param name="scale">The scale α, above 0. Default: 32.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class ProxyAnchorLoss(long classes, long dimension, double margin = 0.1, double scale = 32)
    : ClassLoss(nameof(ProxyAnchorLoss), classes, dimension, Math.Sqrt(2.0 / Math.Max(1, classes)), Reducer.Divisor)
{
    /// <summary>The margin δ.</summary>
    public double Margin { get; } = Guard.Finite(margin);

    /// <summary>The scale α.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => Cosines(embeddings, weights);

    /// <inheritdoc/>
    protected override bool IsCrossEntropy => false;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows == 0) yield break;
        var s = Score(batch.Embeddings, weights).t();
        var own = labels.unsqueeze(0) == Iota(s.size(0), s.device).unsqueeze(1);
        var (pull, push) = (new MaskedLogSumExp<Affine>(new(-Scale, Scale * Margin)),
            new MaskedLogSumExp<Affine>(new(Scale, Scale * Margin)));
        var sides = RowMath.Softplus(MaskedReductions.Of(s, (own, pull), (own.logical_not(), push)));
        yield return new(sides.select(0, 0)) { Divisor = own.any(1).sum() };
        yield return new(sides.select(0, 1))
        {
            Divisor = full([], S(s.size(0)), s.dtype, s.device),
        };
    }
}
