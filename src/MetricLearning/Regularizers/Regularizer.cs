using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// What is asked of vectors in themselves, those of classes (<see cref="ClassLoss.WeightRegularizer"/>) or embeddings
/// (<see cref="RegularizerLoss"/>).
/// </summary>
/// <remarks>
/// Stateless and safe to share. To add one, derive and write <see cref="PenaltyCore"/>. The forms are those of pytorch-metric-learning.
/// Gradients are finite everywhere, at zero rows and equal rows too; NaN gives NaN.
/// </remarks>
public abstract class Regularizer
{
    /// <summary>Vectors of one length: the mean of <c>(‖w‖² − mean ‖w‖²)² / 4</c>. Wu et al., <i>Center Invariant Loss</i>, 2017.</summary>
    public static Regularizer CenterInvariant { get; } = new CenterInvariantRegularizer();

    /// <summary>
    /// Classes apart: the mean of each vector's greatest cosine to another; 0 for one vector (where the peer has 1). Zhao et al.,
    /// <i>RegularFace</i>, CVPR 2019.
    /// </summary>
    public static Regularizer RegularFace { get; } = new RegularFaceRegularizer();

    /// <summary>Coordinates about 0: the mean of <c>|Σ_d w_d|</c>. Yuan et al., <i>Signal-to-Noise Ratio</i>, CVPR 2019.</summary>
    public static Regularizer ZeroMean { get; } = new ZeroMeanRegularizer();

    /// <summary>Short vectors: the mean of <c>‖w‖_p</c>.</summary>
    /// <param name="p">The order, above 0; 2 by default.</param>
    public static Regularizer Lp(double p = 2) => new LpRegularizer(p);

    /// <summary>
    /// Centers of a class that merge where they are not needed: half the mean of <c>√(2 − 2·cos)</c> over the pairs of centers of a class.
    /// The peer adds 10⁻⁷ (in float32) under the root. Qian et al., <i>SoftTriple Loss</i>, ICCV 2019, eq. 9.
    /// </summary>
    /// <param name="centersPerClass">K, at least 2; those of a class are adjacent rows.</param>
    public static Regularizer SparseCenters(int centersPerClass) => new SparseCentersRegularizer(centersPerClass);

    /// <summary>What the vectors fall short by.</summary>
    /// <param name="vectors">[R, D], R at least 1.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The vectors are not [R, D]; the message prints what they were.</exception>
    public Tensor Penalty(Tensor vectors)
    {
        Guard.Matrix(vectors);
        if (vectors.size(0) == 0)
            throw new ArgumentException($"vectors must be [R, D] with R at least 1, got {Guard.Shape(vectors)}.", nameof(vectors));
        using var scope = NewDisposeScope();
        return PenaltyCore(RowMath.Widen(vectors)).MoveToOuterDisposeScope();
    }

    /// <summary>[R, D], R at least 1 → scalar. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor PenaltyCore(Tensor vectors);
}
