using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What "near" means: a number for each two embeddings, of which the smaller is always the nearer.</summary>
/// <remarks>
/// Stateless, immutable and safe to share between threads. To add one, derive and write the two cores, which are pure maths: shapes are
/// checked and intermediate tensors are freed around them. float16 and bfloat16 embeddings are measured in float32, so the
/// result is never of half precision.
/// </remarks>
public abstract class Distance
{
    /// <summary><c>‖x − y‖₂</c>.</summary>
    public static Distance Euclidean { get; } = new EuclideanDistance();

    /// <summary><c>‖x − y‖₂²</c>.</summary>
    public static Distance EuclideanSquared { get; } = new EuclideanSquaredDistance();

    /// <summary><c>1 − x·y / (‖x‖ ‖y‖)</c>, in [0, 2].</summary>
    public static Distance Cosine { get; } = new CosineDistance();

    /// <summary><c>−x·y</c>: the dot product with the sign that makes smaller nearer.</summary>
    public static Distance Dot { get; } = new DotDistance();

    /// <summary>The distance of every row of <paramref name="x"/> to every row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [N, D]; N may be 0.</param>
    /// <param name="y">Embeddings [M, D], of the same type and on the same device; M may be 0.</param>
    /// <returns>[N, M], float32 (float64 for float64 embeddings), on the device of the embeddings. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Matrix(Tensor x, Tensor y)
    {
        Guard.SameWidth(x, y);
        using var scope = NewDisposeScope();
        return MatrixCore(Widen(x), Widen(y)).MoveToOuterDisposeScope();
    }

    /// <summary>The distance of each row of <paramref name="x"/> to the same row of <paramref name="y"/>.</summary>
    /// <param name="x">Embeddings [K, D]; K may be 0.</param>
    /// <param name="y">Embeddings [K, D], of the same type and on the same device.</param>
    /// <returns>[K], float32 (float64 for float64 embeddings). The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor Pairwise(Tensor x, Tensor y)
    {
        Guard.SameWidth(x, y);
        if (x.size(0) != y.size(0))
            throw new ArgumentException($"x and y must have one number of rows, got {Guard.Shape(x)} and {Guard.Shape(y)}.", nameof(y));
        using var scope = NewDisposeScope();
        return PairwiseCore(Widen(x), Widen(y)).MoveToOuterDisposeScope();
    }

    /// <summary>[N, D] and [M, D] → [N, M]: one line of maths. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor MatrixCore(Tensor x, Tensor y);

    /// <summary>[K, D] and [K, D] → [K]: one line of maths. Tensors made here are freed by the caller.</summary>
    protected abstract Tensor PairwiseCore(Tensor x, Tensor y);

    private static Tensor Widen(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? x.to(ScalarType.Float32) : x.alias();
}
