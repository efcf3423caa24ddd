using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of cosines with a margin added to the own class's angle: <c>s·cos(θ_y + m)</c> for the own class and <c>s·cos
/// θ_c</c> for the others.
/// </summary>
/// <remarks>
/// Beyond θ = π − m, where cos(θ + m) would rise again, the own class has <c>s·(cos θ − m·sin m)</c>. Value and gradient are finite at cos
/// θ = ±1. Default: m = 0.5 radians, s = 64, mean over the samples. Deng et al., <i>ArcFace</i>, CVPR 2019, eq. 3. It follows
/// pytorch-metric-learning's ArcFaceLoss, whose margin is in degrees (28.6) and whose weights are [D, C]. fast-reid's ArcSoftmax lacks the
/// branch beyond π − m.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m in radians, in [0, π]. Default: 0.5.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class ArcFaceLoss(long classes, long dimension, double margin = 0.5, double scale = 64)
    : ClassLoss(nameof(ArcFaceLoss), classes, dimension)
{
    /// <summary>The margin m, in radians.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not in [0, π].</exception>
    public double Margin { get; set => field = Guard.Within(value, 0, Math.PI); } = Guard.Within(margin, 0, Math.PI);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Cosines(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(ClassScores.Cosines(embeddings, weights), Scale, cosine => AngularMargin.Add(cosine, Margin));
}
