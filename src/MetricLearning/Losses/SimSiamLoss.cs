using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What a predictor makes of one view is to point where the other view does: <c>−mean cos(p, z)</c>, where no gradient flows into
/// z.</summary>
/// <remarks>
/// Needs no labels and no negatives. −1 at best; TensorFlow Similarity halves it and adds 0.001. A row of zeros has the cosine 0; no rows:
/// 0. Chen and He, <i>Exploring Simple Siamese Representation Learning</i>, CVPR 2021, eqs. 1-4.
/// </remarks>
public sealed class SimSiamLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    public SimSiamLoss() : base(nameof(SimSiamLoss)) { }

    /// <summary>The loss of one direction.</summary>
    /// <param name="predictions">p [N, D], floating point; N may be 0: the predictor of the first view.</param>
    /// <param name="projections">z [N, D], of the same type and device: the projector of the second view, a constant here.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 views), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor predictions, Tensor projections)
    {
        Guard.SameRows(predictions, projections);
        using var scope = NewDisposeScope();
        var (p, z) = (RowMath.Widen(predictions), RowMath.Widen(projections.detach()));
        return (-RowMath.Mean((RowMath.Unit(p) * RowMath.Unit(z)).sum(1))).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of both directions: half of each.</summary>
    /// <param name="firstPredictions">[N, D].</param>
    /// <param name="firstProjections">[N, D].</param>
    /// <param name="secondPredictions">[N, D].</param>
    /// <param name="secondProjections">[N, D].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public Tensor forward(Tensor firstPredictions, Tensor firstProjections, Tensor secondPredictions, Tensor secondProjections)
    {
        using var scope = NewDisposeScope();
        var both = forward(firstPredictions, secondProjections).Plus(forward(secondPredictions, firstProjections));
        return (both / S(2)).MoveToOuterDisposeScope();
    }
}
