using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// The circle loss against class vectors: softmax cross entropy of <c>s·α_p·(cos θ_y − 1 + m)</c> for the own class and <c>s·α_n·(cos θ_c −
/// m)</c> for the others, where <c>α_p = [1 + m − cos θ]₊</c> and <c>α_n = [cos θ + m]₊</c> carry no gradient.
/// </summary>
/// <remarks>
/// Default: m = 0.35, s = 64, mean over the samples, as in fast-reid's CircleSoftmax in its strong baselines. Sun et al., <i>Circle
/// Loss</i>, CVPR 2020, section 3.3. <see cref="CircleLoss"/> is the form between pairs.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m, finite. Default: 0.35.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class CircleSoftmaxLoss(long classes, long dimension, double margin = 0.35, double scale = 64)
    : ClassLoss(nameof(CircleSoftmaxLoss), classes, dimension)
{
    /// <summary>The margin m.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double Margin { get; set => field = Guard.Finite(value); } = Guard.Finite(margin);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Cosines(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels)
    {
        var others = OtherLogits.Of(new SelfPaced(-Scale, Margin, 1, Margin));
        return new(ClassScores.Cosines(embeddings, weights), others,
            own => S(Scale) * relu(S(1 + Margin) - own.detach()) * (own - S(1 - Margin)));
    }
}
