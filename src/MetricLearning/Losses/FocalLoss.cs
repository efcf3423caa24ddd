using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy that turns to the samples that are wrong: <c>−α·(1 − p)^γ·log p</c>, p the probability of the own class.
/// </summary>
/// <remarks>
/// Default: γ = 2, α = 0.25, mean over the samples, as fast-reid's FocalLoss (one α for all classes), which is NaN where any probability is
/// 0; γ = 0 and α = 1 is cross entropy. Value and gradient are finite at p = 0 and p = 1. No samples: 0 with a gradient of 0. NaN logits:
/// NaN. Lin et al., <i>Focal Loss for Dense Object Detection</i>, ICCV 2017, eq. 5.
/// </remarks>
public sealed class FocalLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    /// <param name="gamma">γ, 0 or greater; 2 by default.</param>
    /// <param name="alpha">α above 0; 0.25 by default.</param>
    public FocalLoss(double gamma = 2, double alpha = 0.25) : base(nameof(FocalLoss)) =>
        (Gamma, Alpha) = (Guard.NotNegative(gamma), Guard.Positive(alpha));

    /// <summary>γ.</summary>
    public double Gamma { get; }

    /// <summary>α.</summary>
    public double Alpha { get; }

    /// <summary>From one value a sample to one number; the mean by default.</summary>
    public Reducer Reducer { get; init; } = Reducer.Mean;

    /// <summary>The loss.</summary>
    /// <param name="logits">[N, C], floating point (half precision is computed in float32); N may be 0.</param>
    /// <param name="labels">int64 [N], classes in [0, C).</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a label is out of range; the message prints it.</exception>
    public override Tensor forward(Tensor logits, Tensor labels)
    {
        Guard.Matrix(logits);
        Guard.Labels(labels, logits.size(0));
        Guard.InRange(labels, logits.size(1));
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(logits, labels);
        var costs = cross_entropy(batch.Embeddings, batch.Labels!, reduction: nn.Reduction.None);
        var wrong = -(-costs).expm1();
        var certain = wrong <= S(0);
        var focus = Gamma == 0 ? ones_like(wrong) : wrong.masked_fill(certain, S(1)).pow(S(Gamma)).masked_fill(certain, S(0));
        var values = S(Alpha) * focus * costs;
        return (values.numel() == 0 ? RowMath.NaNWhereNotFinite(batch.Embeddings)
            : Reducer.Reduce(new(values, Iota(batch.Rows, values.device)), batch)).MoveToOuterDisposeScope();
    }
}
