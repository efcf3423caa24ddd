using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A penalty on vectors alone: on class vectors (<see cref="ClassLoss.WeightRegularizer"/>) or on embeddings
/// (<see cref="RegularizerLoss"/>).
/// </summary>
/// <remarks>
/// To add a regularizer, derive from this class and write <see cref="PenaltyCore"/>. The forms are those of pytorch-metric-learning.
/// Gradients are finite everywhere, also at zero rows and equal rows; NaN gives NaN.
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public abstract class Regularizer
{
    /// <summary>Keeps vectors at one length: the mean of <c>(‖w‖² − mean ‖w‖²)² / 4</c>. Wu et al., <i>Center Invariant Loss</i>,
    /// 2017.</summary>
    public static Regularizer CenterInvariant { get; } = new CenterInvariantRegularizer();

    /// <summary>
    /// Keeps classes apart: the mean of each vector's greatest cosine to another; 0 for one vector (pytorch-metric-learning has 1). Zhao et
    /// al., <i>RegularFace</i>, CVPR 2019.
    /// </summary>
    public static Regularizer RegularFace { get; } = new RegularFaceRegularizer();

    /// <summary>Keeps the sum of each vector's coordinates near 0: the mean of <c>|Σ_d w_d|</c>. Yuan et al., <i>Signal-to-Noise Ratio</i>,
    /// CVPR 2019.</summary>
    public static Regularizer ZeroMean { get; } = new ZeroMeanRegularizer();

    /// <summary>Keeps vectors short: the mean of <c>‖w‖_p</c>.</summary>
    /// <param name="p">The order, above 0. Default: 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">p is not above 0 or not finite.</exception>
    public static Regularizer Lp(double p = 2) => new LpRegularizer(p);

    /// <summary>
    /// Merges centers that a class does not need: half the mean of <c>√(2 − 2·cos)</c> over the pairs of centers of a class.
    /// pytorch-metric-learning adds 10⁻⁷ (in float32) under the root. Qian et al., <i>SoftTriple Loss</i>, ICCV 2019, eq. 9.
    /// </summary>
    /// <param name="centersPerClass">The number of centers per class K, at least 2; the centers of a class are adjacent rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">K is below 2.</exception>
    public static Regularizer SparseCenters(long centersPerClass) => new SparseCentersRegularizer(centersPerClass);

    /// <summary>Computes the penalty of vectors.</summary>
    /// <param name="vectors">The vectors [R, D], R at least 1.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The vectors are not [R, D], or R is not a multiple of the number of centers of
    /// <see cref="SparseCenters"/>; the message prints their shape.</exception>
    public Tensor Penalty(Tensor vectors)
    {
        Guard.Matrix(vectors);
        if (vectors.size(0) == 0)
            throw new ArgumentException($"vectors must be [R, D] with R at least 1, got {Guard.Shape(vectors)}.", nameof(vectors));
        using var scope = NewDisposeScope();
        return Returned.Shape(PenaltyCore(RowMath.Widen(vectors)), this, nameof(PenaltyCore)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the penalty: [R, D], R at least 1 → scalar. The caller frees tensors that are created here.</summary>
    protected abstract Tensor PenaltyCore(Tensor vectors);
}
