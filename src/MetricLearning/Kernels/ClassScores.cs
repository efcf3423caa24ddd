using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Class scores, [N, C]: a matrix, or the product of rows with class vectors, which a kernel may compute and overwrite.</summary>
/// <param name="Rows">The matrix; or with <paramref name="Vectors"/> the rows, [N, D].</param>
/// <param name="Vectors">[C, D]; null if the matrix is given.</param>
internal sealed record ClassScores(Tensor Rows, Tensor? Vectors = null)
{
    /// <summary>The cosines of rows and class vectors; 0 for zero rows.</summary>
    public static ClassScores Cosines(Tensor rows, Tensor vectors) => new(RowMath.Unit(rows), RowMath.Unit(vectors));

    /// <summary>C.</summary>
    public long Classes => Vectors?.size(0) ?? Rows.size(1);

    /// <summary>The matrix, with gradient.</summary>
    public Tensor Matrix => Vectors is null ? Rows : Product.Of(Rows, Vectors);

    /// <summary>The scores of some classes, one for each row, without gradient: [N].</summary>
    /// <param name="labels">int64 [N].</param>
    public Tensor Of(Tensor labels) => Vectors is null ? Rows.detach().gather(1, labels.unsqueeze(1)).squeeze(1)
        : (Rows.detach() * Vectors.detach().index_select(0, labels)).sum(1);
}
