using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of soft maxima over several centers a class: <c>λ(S_c − δ·[c = y])</c> with <c>S_c = Σ_k
/// softmax_k(s_ck/γ)·s_ck</c>.
/// </summary>
/// <remarks>
/// s are cosines. Default: K = 10, λ = 20, γ = 0.1, δ = 0.01, mean over the samples. The paper's merging of centers is
/// <see cref="Regularizer.SparseCenters"/> as the <see cref="ClassLoss.WeightRegularizer"/> (weight 0.2 there).
/// Qian et al., <i>SoftTriple Loss</i>, ICCV 2019, eqs. 7-8; as pytorch-metric-learning (weights [D, C·K]).
/// </remarks>
public sealed class SoftTripleLoss : ClassLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="classes">C.</param>
    /// <param name="dimension">D.</param>
    /// <param name="centersPerClass">K; 10 by default.</param>
    /// <param name="scale">λ above 0; 20 by default.</param>
    /// <param name="temperature">γ above 0; 0.1 by default.</param>
    /// <param name="margin">δ; 0.01 by default.</param>
    public SoftTripleLoss(
        int classes, int dimension, int centersPerClass = 10, double scale = 20, double temperature = 0.1, double margin = 0.01)
        : base(nameof(SoftTripleLoss), classes, dimension, centersPerClass, 1 / Math.Sqrt(Math.Max(1, dimension))) =>
        (Scale, Temperature, Margin) = (Guard.Positive(scale), Guard.Positive(temperature), margin);

    /// <summary>λ.</summary>
    public double Scale { get; }

    /// <summary>γ.</summary>
    public double Temperature { get; }

    /// <summary>δ.</summary>
    public double Margin { get; }

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights)
    {
        var s = Cosines(embeddings, weights).view(embeddings.size(0), weights.size(0) / CentersPerClass, CentersPerClass);
        return S(Scale) * (softmax(s / S(Temperature), 2) * s).sum(2);
    }

    /// <inheritdoc/>
    protected override Tensor Bend(Tensor scores, Tensor labels) => WithOwn(scores, labels, Own(scores, labels) - S(Scale * Margin));
}
