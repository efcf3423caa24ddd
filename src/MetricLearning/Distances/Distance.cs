using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What "near" means: a number for each two embeddings, of which the smaller is always the nearer.</summary>
/// <remarks>
/// Stateless, immutable and safe to share between threads. To add one, derive and write the two cores, which are pure maths: shapes are
/// checked and intermediate tensors are freed around them. float16 and bfloat16 embeddings are measured in float32, so the
/// result is never of half precision. NaN and infinite rows give NaN or infinite distances in their own row and column only.
/// <para> <b>Accuracy.</b> <see cref="Pairwise"/> works on differences and is exact to rounding. <see cref="Matrix"/> of the Euclidean
/// distances uses one matrix product for every size of batch, about the mean row: the error of d² is of the order of ε·(‖x‖² + ‖y‖²),
/// measured from that mean (ε = 1.2e-7 in float32, and 1e-3 on a GPU where TF32 is allowed). On the CPU rows so near that digits would
/// cancel are taken on differences: the error of d² is no more than about 1,000 ε of d² itself, and equal rows are at distance 0; elsewhere
/// the self-distance of a row is small but not exactly 0. The gradient at distance 0 is finite everywhere. </para>
/// </remarks>
public abstract class Distance
{
    /// <summary><c>‖x − y‖₂</c>; the gradient at distance 0 is 0.</summary>
    public static Distance Euclidean { get; } = new EuclideanDistance();

    /// <summary><c>‖x − y‖₂²</c>.</summary>
    public static Distance EuclideanSquared { get; } = new EuclideanSquaredDistance();

    /// <summary><c>√max(‖x − y‖₂², 10⁻¹²)</c>: the Euclidean distance of torchreid, reid-strong-baseline and fast-reid, never below
    /// 10⁻⁶.</summary>
    public static Distance EuclideanClamped { get; } = new EuclideanClampedDistance();

    /// <summary><c>1 − x·y / (‖x‖ ‖y‖)</c>, in [0, 2] to rounding; a zero row is at distance 1 from everything.</summary>
    public static Distance Cosine { get; } = new CosineDistance();

    /// <summary><c>−x·y</c>: the dot product with the sign that makes smaller nearer.</summary>
    public static Distance Dot { get; } = new DotDistance();

    /// <summary>
    /// <c>var(x − y) / var(x)</c>, the noise-to-signal ratio of Yuan et al., CVPR 2019: not symmetric, x is the anchor. A row of equal
    /// entries has no variance; 1 takes its place.
    /// </summary>
    public static Distance SignalToNoise { get; } = new SignalToNoiseDistance();

    /// <summary><c>(Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c>, on differences (exact, and slower than <see cref="Euclidean"/> for p = 2).</summary>
    /// <param name="p">The order, above 0; infinity for the largest coordinate.</param>
    public static Distance Lp(double p) => new LpDistance(p);

    /// <summary>This distance between rows scaled to length 1: pytorch-metric-learning's default is
    /// <c>Distance.Euclidean.Normalized()</c>.</summary>
    /// <param name="p">The norm in which the rows get length 1; 2 by default. A zero row stays zero.</param>
    public Distance Normalized(double p = 2) => new NormalizedDistance(this, p);

    /// <summary>The distance of every row of <paramref name="x"/> to every row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [N, D]; N may be 0.</param>
    /// <param name="y">Embeddings [M, D], of the same type and on the same device; M may be 0.</param>
    /// <returns>[N, M], float32 (float64 for float64 embeddings), on the device of the embeddings. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Matrix(Tensor x, Tensor y)
    {
        Guard.SameWidth(x, y);
        using var scope = NewDisposeScope();
        var rows = RowMath.Widen(x);
        return MatrixCore(rows, ReferenceEquals(x, y) ? rows : RowMath.Widen(y)).MoveToOuterDisposeScope();
    }

    /// <summary>The distance of each row of <paramref name="x"/> to the same row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [K, D]; K may be 0.</param>
    /// <param name="y">Embeddings [K, D], of the same type and on the same device.</param>
    /// <returns>[K], float32 (float64 for float64 embeddings). The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Pairwise(Tensor x, Tensor y)
    {
        Guard.SameRows(x, y);
        using var scope = NewDisposeScope();
        return PairwiseCore(RowMath.Widen(x), RowMath.Widen(y)).MoveToOuterDisposeScope();
    }

    /// <summary>The distance of chosen rows of x to chosen rows of y, [K], as <see cref="Pairwise"/> has it. The caller has a dispose scope
    /// open.</summary>
    /// <param name="x">[N, D], float32 or float64.</param>
    /// <param name="y">[M, D]; x itself where a batch meets itself.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    internal Tensor Selected(Tensor x, Tensor y, Tensor rows, Tensor columns) => Differences is { } form
        ? SelectedDistances.Of(x, y, rows, columns, form)
        : Pairwise(x.index_select(0, rows), y.index_select(0, columns));

    /// <summary>What this distance makes of ‖x − y‖²; null where that is not what it looks at.</summary>
    internal virtual EuclideanForm? Differences => null;

    /// <summary>Whether it is a product of two rows, so that its matrix is as exact as its pairs.</summary>
    internal virtual bool IsProduct => false;

    /// <summary>The distance that measures prepared rows; this one itself unless rows are prepared.</summary>
    internal virtual Distance OfPrepared => this;

    /// <summary>Rows as <see cref="OfPrepared"/> takes them, with gradient: once for all that is measured of a batch. x itself where there
    /// is nothing to do. The caller has a dispose scope open.</summary>
    internal virtual Tensor Prepare(Tensor x) => x;

    /// <summary>Rows whose products order pairs as this distance does; null where no product tells. The caller has a dispose scope
    /// open.</summary>
    /// <param name="x">[N, D], float32 or float64.</param>
    internal virtual ProductOrdering? Form(Tensor x) => null;

    /// <summary>[N, D] and [M, D] → [N, M]: one line of maths; y is x itself where a batch meets itself. Tensors made here are freed by the
    /// caller.</summary>
    protected abstract Tensor MatrixCore(Tensor x, Tensor y);

    /// <summary>[K, D] and [K, D] → [K]: one line of maths. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor PairwiseCore(Tensor x, Tensor y);
}
