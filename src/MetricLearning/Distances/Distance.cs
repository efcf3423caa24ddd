using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A distance between embeddings. Smaller is always nearer.</summary>
/// <remarks>
/// To add a distance, derive from this class and write only the formulas, <see cref="MatrixCore"/> and <see cref="PairwiseCore"/>. This
/// class checks the shapes before it calls them, and frees their intermediate tensors afterwards. Use <see cref="Scalars.S(double)"/> for
/// numbers:
/// <code>
/// sealed class SquaredCosine : Distance       // of rows of length 1
/// {
///     protected override Tensor MatrixCore(Tensor x, Tensor y) =&gt; S(1) - x.matmul(y.t()).pow(S(2));
///     protected override Tensor PairwiseCore(Tensor x, Tensor y) =&gt; S(1) - (x * y).sum(1).pow(S(2));
/// }
/// </code>
/// A distance of your own that has settings must also define equality, because the losses of a batch share the matrices of equal
/// distances. float16 and bfloat16 embeddings are measured in float32, so a result is never of half precision. NaN and infinite rows give
/// NaN or infinite distances in their own row and column only.
/// <para> <b>Accuracy.</b> <see cref="Pairwise"/> computes differences and is exact to rounding. <see cref="Matrix"/> of the Euclidean
/// distances uses one matrix product for every size of batch. Rows are measured from the mean row, unless the square of that mean row is at
/// most a quarter of the mean squared length of the rows. The error of d² is of the order of ε·(‖x‖² + ‖y‖²), where lengths are measured in
/// the same way and ε is 1.2e-7 in float32, or 1e-3 on a GPU if TF32 is allowed. On the CPU, rows that are so near that digits would cancel
/// are measured by their differences. There the error of d² is at most about 1,000 ε of d² itself, and equal rows are at distance 0. On
/// other devices the distance of a row to itself is small but not exactly 0. The gradient at distance 0 is finite everywhere. Squares are
/// not scaled, as in PyTorch: float64 rows whose differences are all below about 1e-154 are at Euclidean distance 0. </para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public abstract class Distance
{
    /// <summary><c>‖x − y‖₂</c>; the gradient at distance 0 is 0.</summary>
    public static Distance Euclidean { get; } = new EuclideanDistance();

    /// <summary><c>‖x − y‖₂²</c>.</summary>
    public static Distance EuclideanSquared { get; } = new EuclideanSquaredDistance();

    /// <summary><c>√max(‖x − y‖₂², 10⁻¹²)</c>, never below 10⁻⁶: the Euclidean distance of torchreid, reid-strong-baseline and
    /// fast-reid.</summary>
    public static Distance EuclideanClamped { get; } = new EuclideanClampedDistance();

    /// <summary><c>1 − x·y / (‖x‖ ‖y‖)</c>, in [0, 2] to rounding; a zero row is at distance 1 from everything.</summary>
    public static Distance Cosine { get; } = new CosineDistance();

    /// <summary><c>−x·y</c>: the negated dot product, so that smaller is nearer.</summary>
    public static Distance Dot { get; } = new DotDistance();

    /// <summary>
    /// <c>var(x − y) / var(x)</c>, the noise-to-signal ratio of Yuan et al., CVPR 2019. It is not symmetric: x is the anchor. An anchor of
    /// equal entries has no signal to divide by; its distance is <c>Σᵢ (yᵢ − mean(y))²</c>, which is D times the variance of y.
    /// </summary>
    public static Distance SignalToNoise { get; } = new SignalToNoiseDistance();

    /// <summary><c>(Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c>, computed from differences: exact, and slower than <see cref="Euclidean"/> for p = 2.</summary>
    /// <param name="p">The order, above 0; infinity takes the largest |xᵢ − yᵢ|.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is NaN, 0 or negative.</exception>
    public static Distance Lp(double p) => new LpDistance(p);

    /// <summary>This distance between rows that are scaled to length 1. pytorch-metric-learning's default is
    /// <c>Distance.Euclidean.Normalized()</c>.</summary>
    /// <param name="p">The order of the norm by which rows get length 1, finite and above 0; 2 by default. A zero row stays zero.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="p"/> is not finite or not above 0.</exception>
    public Distance Normalized(double p = 2) => new NormalizedDistance(this, p);

    /// <summary>Measures the distance of every row of <paramref name="x"/> to every row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [N, D]; N may be 0.</param>
    /// <param name="y">Embeddings [M, D], of the same type and on the same device; M may be 0.</param>
    /// <returns>[N, M], float32 (float64 for float64 embeddings), on the device of the embeddings. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Matrix(Tensor x, Tensor y)
    {
        Guard.SameWidth(x, y);
        using var scope = NewDisposeScope();
        var rows = RowMath.Widen(x);
        var matrix = MatrixCore(rows, ReferenceEquals(x, y) ? rows : RowMath.Widen(y));
        return Returned.Shape(matrix, this, nameof(MatrixCore), x.size(0), y.size(0)).MoveToOuterDisposeScope();
    }

    /// <summary>Measures the distance of each row of <paramref name="x"/> to the same row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [K, D]; K may be 0.</param>
    /// <param name="y">Embeddings [K, D], of the same type and on the same device.</param>
    /// <returns>[K], float32 (float64 for float64 embeddings). The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Pairwise(Tensor x, Tensor y)
    {
        Guard.SameRows(x, y);
        using var scope = NewDisposeScope();
        return Returned.Shape(PairwiseCore(RowMath.Widen(x), RowMath.Widen(y)), this, nameof(PairwiseCore), x.size(0))
            .MoveToOuterDisposeScope();
    }

    /// <summary>Measures the distances of chosen rows of x to chosen rows of y, [K], as exactly as <see cref="Pairwise"/>. The caller has a
    /// dispose scope open.</summary>
    /// <param name="x">[N, D], float32 or float64.</param>
    /// <param name="y">[M, D]; x itself if the batch has no references.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    internal Tensor Selected(Tensor x, Tensor y, Tensor rows, Tensor columns) => Differences is { } form
        ? SelectedDistances.Of(x, y, rows, columns, form)
        : Pairwise(x.index_select(0, rows), y.index_select(0, columns));

    /// <summary>How this distance follows from ‖x − y‖²; null if it does not.</summary>
    internal virtual EuclideanForm? Differences => null;

    /// <summary>Whether the distance is a product of two rows, so that its matrix is as exact as its pairs.</summary>
    internal virtual bool IsProduct => false;

    /// <summary>The distance to use on the rows of <see cref="Prepare"/>; this distance itself if nothing is prepared.</summary>
    internal virtual Distance OfPrepared => this;

    /// <summary>Prepares rows for <see cref="OfPrepared"/>, with gradient. This is done once per batch. Returns x itself if there is
    /// nothing to do. The caller has a dispose scope open.</summary>
    internal virtual Tensor Prepare(Tensor x) => x;

    /// <summary>Makes rows whose products order pairs as this distance does; null if products cannot. The caller has a dispose scope
    /// open.</summary>
    /// <param name="x">[N, D], float32 or float64.</param>
    internal virtual ProductOrdering? Form(Tensor x) => null;

    /// <summary>Computes the distances of all rows of x to all rows of y: [N, D] and [M, D] → [N, M]. y is x itself if a batch is compared
    /// with itself. The caller frees the tensors that are created here.</summary>
    protected abstract Tensor MatrixCore(Tensor x, Tensor y);

    /// <summary>Computes the distance of each row of x to the same row of y: [K, D] and [K, D] → [K]. The caller frees the tensors that are
    /// created here.</summary>
    protected abstract Tensor PairwiseCore(Tensor x, Tensor y);
}
