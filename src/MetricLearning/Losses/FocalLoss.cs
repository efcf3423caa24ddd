using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy that gives more weight to samples that are classified wrongly: <c>−α·(1 − p)^γ·log p</c>, where p is the
/// probability of the sample's own class.
/// </summary>
/// <remarks>
/// Default: γ = 2, α = 0.25 for all classes, mean over the samples, as in fast-reid's FocalLoss. With γ = 0 and α = 1 it is cross entropy.
/// Value and gradient are finite at p = 0 and p = 1; fast-reid's loss is NaN if any probability is 0. Without samples the loss is 0 with a
/// gradient of 0. NaN logits give NaN. Lin et al., <i>Focal Loss for Dense Object Detection</i>, ICCV 2017, eq. 5.
/// </remarks>
public sealed class FocalLoss : LogitLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="gamma">The exponent γ, 0 or greater. Default: 2.</param>
    /// <param name="alpha">The factor α, above 0. Default: 0.25.</param>
    /// <exception cref="ArgumentOutOfRangeException">γ or α is out of its range or not finite.</exception>
    public FocalLoss(double gamma = 2, double alpha = 0.25) : base(nameof(FocalLoss)) =>
        (Gamma, Alpha) = (Guard.NotNegative(gamma), Guard.Positive(alpha));

    /// <summary>The exponent γ.</summary>
    public double Gamma { get; }

    /// <summary>The factor α.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    protected override Tensor Costs(Tensor logits, Tensor labels) =>
        new ClassLogits(logits).Costs(labels, new FocalCost(Gamma, Alpha, logits.dtype));
}
