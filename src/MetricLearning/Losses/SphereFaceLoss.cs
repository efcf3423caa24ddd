using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of <c>s·‖x‖·cos θ_c</c> in which the angle of the own class is multiplied: <c>s·‖x‖·ψ(θ_y)</c>.</summary>
/// <remarks>
/// The large-margin softmax with class vectors of length 1: <c>ψ(θ) = (−1)ᵏ·cos(mθ) − 2k</c> on [kπ/m, (k+1)π/m]. Default: m = 4, s = 1,
/// mean over the samples. Liu et al., <i>SphereFace</i>, CVPR 2017, eq. 7; as in pytorch-metric-learning (weights [D, C]). The embeddings'
/// lengths matter: do not normalize them.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m, at least 1. Default: 4.</param>
/// <param name="scale">The scale s, above 0. Default: 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class SphereFaceLoss(long classes, long dimension, int margin = 4, double scale = 1)
    : ClassLoss(nameof(SphereFaceLoss), classes, dimension)
{
    /// <summary>The margin m.</summary>
    public int Margin { get; } = Guard.AtLeast(margin, 1);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Product.Of(embeddings, RowMath.Unit(weights));

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels)
    {
        var lengths = RowLengths.Of(embeddings);
        return new(new ClassScores(embeddings, RowMath.Unit(weights)), Scale,
            own => AngularMargin.MultiplyScaled(own, lengths.to(own.dtype), Margin));
    }
}
