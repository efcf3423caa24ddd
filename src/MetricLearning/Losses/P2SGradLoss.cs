using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Squared errors of cosines: <c>mean_c (cos(x, w_c) − [c = y])²</c>. It has no margin and no scale to choose.</summary>
/// <remarks>
/// Default: mean over the samples. As in the published code, the class vectors are scaled to length 1 before each use, and their gradient
/// is taken at length 1, without the part that comes from the scaling. So their stored length does not matter. Zhang et al.,
/// <i>P2SGrad</i>, CVPR 2019; Wang and Yamagishi 2021, eq. 6; as in pytorch-metric-learning (weights [D, C]).
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is below 1.</exception>
public sealed class P2SGradLoss(long classes, long dimension)
    : ClassLoss(nameof(P2SGradLoss), classes, dimension, deviation: 1 / Math.Sqrt(Math.Max(1, dimension)))
{
    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => Cosines(embeddings, weights);

    /// <inheritdoc/>
    protected override bool IsCrossEntropy => false;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var atLengthOne = RowMath.Unit(weights).detach().Plus(weights - weights.detach());
        var cosines = Product.Of(RowMath.Unit(batch.Embeddings), atLengthOne);
        yield return PerSample(WithOwn(cosines, labels, Own(cosines, labels) - S(1)).pow(S(2)).mean([1]));
    }
}
