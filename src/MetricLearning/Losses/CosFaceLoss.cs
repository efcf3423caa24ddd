using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of cosines with a margin taken from the own class: <c>−log softmax(s·(cos(x, w_c) − m·[c = y]))_y</c>.</summary>
/// <remarks>
/// Default: m = 0.35, s = 64, mean over the samples. Wang et al., <i>CosFace</i>, CVPR 2018, eq. 4 (AM-softmax is the same); as
/// pytorch-metric-learning's CosFaceLoss (its weights are [D, C]).
/// </remarks>
public sealed class CosFaceLoss : ClassLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="classes">C.</param>
    /// <param name="dimension">D.</param>
    /// <param name="margin">m; 0.35 by default.</param>
    /// <param name="scale">s above 0; 64 by default.</param>
    public CosFaceLoss(int classes, int dimension, double margin = 0.35, double scale = 64)
        : base(nameof(CosFaceLoss), classes, dimension) => (Margin, Scale) = (margin, Guard.Positive(scale));

    /// <summary>m.</summary>
    public double Margin { get; }

    /// <summary>s.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * RowMath.Unit(embeddings).matmul(RowMath.Unit(weights).t());

    /// <inheritdoc/>
    protected override Tensor Bend(Tensor scores, Tensor labels) =>
        scores - S(Scale * Margin) * nn.functional.one_hot(labels, Classes).to(scores.dtype);
}
