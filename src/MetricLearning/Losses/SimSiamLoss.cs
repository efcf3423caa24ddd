using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls the predictor's output for one view toward the projection of the other view: <c>−mean cos(p, z)</c>. No gradient flows
/// into z.</summary>
/// <remarks>
/// The first argument is p [N, D], the predictor's output for one view. The second argument is z [N, D], the projector's output for the
/// other view. The loss needs no labels and no negatives. The best value is −1; TensorFlow Similarity halves it and adds 0.001. A row of
/// zeros has the cosine 0. Without rows the loss is 0. Chen and He, <i>Exploring Simple Siamese Representation Learning</i>, CVPR 2021,
/// eqs. 1-4.
/// </remarks>
public sealed class SimSiamLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    public SimSiamLoss() : base(nameof(SimSiamLoss)) { }

    /// <summary>Computes the mean of the losses of both directions.</summary>
    /// <param name="firstPredictions">The predictor's output for the first view, [N, D].</param>
    /// <param name="firstProjections">The projector's output for the first view, [N, D].</param>
    /// <param name="secondPredictions">The predictor's output for the second view, [N, D].</param>
    /// <param name="secondProjections">The projector's output for the second view, [N, D].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor forward(Tensor firstPredictions, Tensor firstProjections, Tensor secondPredictions, Tensor secondProjections)
    {
        RequireViews(firstPredictions, secondProjections);
        RequireViews(secondPredictions, firstProjections);
        using var scope = NewDisposeScope();
        var both = Compare(RowMath.Widen(firstPredictions), RowMath.Widen(secondProjections))
            .Plus(Compare(RowMath.Widen(secondPredictions), RowMath.Widen(firstProjections)));
        return (both / S(2)).MoveToOuterDisposeScope();
    }

    /// <summary>Calls the four-argument <c>forward</c>. TorchSharp's hooks take two views, so they do not run here.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor, Tensor, Tensor)"/>
    public Tensor call(Tensor firstPredictions, Tensor firstProjections, Tensor secondPredictions, Tensor secondProjections) =>
        forward(firstPredictions, firstProjections, secondPredictions, secondProjections);

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second) =>
        RowMath.Mean(CosineDistances.Of(first, second.detach()) - S(1));
}
