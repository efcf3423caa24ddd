using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>ArcFace with several vectors per class. Only the nearest vector of each class counts: <c>cos θ_c = max_k cos(x, w_ck)</c>. Use
/// it for noisy labels.</summary>
/// <remarks>
/// Samples with wrong labels gather at another vector than the other samples of their class; <see cref="GetOutliers"/> finds them. Default:
/// K = 3, m = 0.5 radians, s = 64, mean over the samples. Deng et al., <i>Sub-center ArcFace</i>, ECCV 2020; as in pytorch-metric-learning
/// (weights [D, C·K], the margin in degrees).
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="centersPerClass">The number of centers per class K. Default: 3.</param>
/// <param name="margin">The margin m in radians, in [0, π]. Default: 0.5.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class SubCenterArcFaceLoss(long classes, long dimension, long centersPerClass = 3, double margin = 0.5, double scale = 64)
    : ClassLoss(nameof(SubCenterArcFaceLoss), classes, dimension, centersPerClass)
{
    /// <summary>The margin m, in radians.</summary>
    public double Margin { get; } = Guard.Within(margin, 0, Math.PI);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <summary>Finds the samples that are far from the dominant center of their class. The dominant center is the center that is nearest
    /// to the largest number of samples of the class.</summary>
    /// <param name="embeddings">The embeddings [N, D], preferably of the whole training set.</param>
    /// <param name="labels">The labels [N], integers of any width in [0, C).</param>
    /// <param name="degrees">The angle to the dominant center above which a sample is far, in [0, 180]. Default: 75.</param>
    /// <returns>Rows: int64 [M], the samples that are far, ascending. DominantCenters: int64 [C], in [0, K), −1 for a class without
    /// samples; the first of equally frequent centers. No gradient. The caller disposes both.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, a number is not finite, or a label or the angle is out of range;
    /// the message prints it.</exception>
    public (Tensor Rows, Tensor DominantCenters) GetOutliers(Tensor embeddings, Tensor labels, double degrees = 75)
    {
        Guard.InUse(this);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(embeddings, labels);
        Guard.InRange(batch.Labels!, Classes, nameof(labels));
        Guard.Within(degrees, 0, 180);
        Guard.Width(embeddings, Dimension);
        Guard.Finite(embeddings);       // a NaN is not below the limit, so its row would not be found
        var x = RowMath.Unit(batch.Embeddings);
        var centers = RowMath.Unit(Weights.to(x.dtype)).view(Classes, CentersPerClass, Dimension);
        var cosines = centers.index_select(0, batch.Labels!).matmul(x.unsqueeze(2)).squeeze(2);
        var nearest = (batch.Labels! * S(CentersPerClass)).Plus(cosines.argmax(1));
        var counts = bincount(nearest, minlength: (int)(Classes * CentersPerClass)).view(Classes, CentersPerClass);
        var dominant = counts.argmax(1);
        var far = Own(cosines, dominant.index_select(0, batch.Labels!)).squeeze(1) < S(Math.Cos(double.DegreesToRadians(degrees)));
        return (far.nonzero().squeeze(1).MoveToOuterDisposeScope(),
            dominant.masked_fill(counts.sum(1) == S(0), S(-1)).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Nearest(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(new ClassScores(Nearest(embeddings, weights)), Scale, cosine => AngularMargin.Add(cosine, Margin));

    /// <summary>[N, C]: the greatest cosine among the centers of a class.</summary>
    private Tensor Nearest(Tensor embeddings, Tensor weights) =>
        Cosines(embeddings, weights).view(embeddings.size(0), weights.size(0) / CentersPerClass, CentersPerClass).max(2).values;
}
