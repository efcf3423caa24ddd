using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of soft maxima over several centers per class: <c>λ(S_c − δ·[c = y])</c> with <c>S_c = Σ_k
/// softmax_k(s_ck/γ)·s_ck</c>.
/// </summary>
/// <remarks>
/// s are cosines. Default: K = 10, λ = 20, γ = 0.1, δ = 0.01, mean over the samples. The paper's merging of centers is
/// <see cref="Regularizer.SparseCenters"/> as the <see cref="ClassLoss.WeightRegularizer"/> (weight 0.2 there).
/// Qian et al., <i>SoftTriple Loss</i>, ICCV 2019, eqs. 7-8; as in pytorch-metric-learning (weights [D, C·K]).
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="centersPerClass">The number of centers per class K. Default: 10.</param>
/// <param name="scale">The scale λ, above 0. Default: 20.</param>
/// <param name="temperature">The temperature γ, above 0. Default: 0.1.</param>
/// <param name="margin">The margin δ, finite. Default: 0.01.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class SoftTripleLoss(
    long classes, long dimension, long centersPerClass = 10, double scale = 20, double temperature = 0.1, double margin = 0.01)
    : ClassLoss(nameof(SoftTripleLoss), classes, dimension, centersPerClass, 1 / Math.Sqrt(Math.Max(1, dimension)))
{
    /// <summary>The scale λ.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <summary>The temperature γ.</summary>
    public double Temperature { get; } = Guard.Positive(temperature);

    /// <summary>The margin δ.</summary>
    public double Margin { get; } = Guard.Finite(margin);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Similarities(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(new ClassScores(Similarities(embeddings, weights)), Scale, Margin);

    /// <summary>[N, C]: the soft maximum of the cosines of the centers of a class.</summary>
    private Tensor Similarities(Tensor embeddings, Tensor weights) =>
        SoftMaxima.Of(Cosines(embeddings, weights), CentersPerClass, Temperature);
}
