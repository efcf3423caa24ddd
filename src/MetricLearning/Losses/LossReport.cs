using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>What happened in a loss on one batch.</summary>
/// <param name="Value">The loss.</param>
/// <param name="Anchors">Rows of the batch.</param>
/// <param name="Terms">Values that were reduced: triplets, pairs or samples.</param>
/// <param name="Active">Those of them that are not 0, which is those that teach something.</param>
/// <param name="WithoutPositives">Anchors that have no positive in the batch (or among the references).</param>
/// <param name="WithoutNegatives">Anchors that have no negative.</param>
/// <param name="NonFinite">Rows of the batch that hold a NaN or an infinity.</param>
/// <param name="MeanDistance"> The mean distance of two rows of the batch (or of a row to a reference) by the loss's own distance,
/// Euclidean where it has none; 0 where there are not two. </param>
/// <param name="EffectiveRank"> In how many directions the rows spread: (Σλ)² / Σλ² of the eigenvalues of their covariance, at most min(N −
/// 1, D); 0 where all are equal. </param>
/// <remarks>
/// Three figures tell a collapse, which the value alone hides: <see cref="MeanDistance"/> falls towards 0, <see cref="ActiveFraction"/>
/// stays near 1 with the loss near its margin, <see cref="EffectiveRank"/> falls towards 0 or 1. They come from the matrix that the loss
/// shares and from one product of the embeddings, and to the host with the others.
/// </remarks>
public readonly record struct LossReport(
    double Value, long Anchors, long Terms, long Active, long WithoutPositives, long WithoutNegatives, long NonFinite,
    double MeanDistance, double EffectiveRank)
{
    /// <summary>Active ÷ terms; 0 where there are none.</summary>
    public double ActiveFraction => Terms == 0 ? 0 : (double)Active / Terms;

    /// <summary>The figures as float64 [9] where the batch lies, so that a step brings them to the host in one go.</summary>
    internal static Tensor Collect(Tensor value, LossBatch batch, IReadOnlyList<LossTerm> terms, Distance distance)
    {
        var matrix = batch.Distances(distance).Matrix; // with its gradient: others of the batch may use it
        using var noGradient = no_grad();
        Tensor Sum(Func<LossTerm, Tensor> of) =>
            terms.Select(of).Aggregate(zeros([], ScalarType.Int64, value.device), (sum, part) => sum.Plus(part));
        Tensor[] figures =
        [
            value, tensor(batch.Rows), Sum(term => term.Total), Sum(term => term.Active),
            Lacking(batch.Candidates.Positives), Lacking(batch.Candidates.Negatives),
            batch.Embeddings.isfinite().all(1).logical_not().sum(), MeanOf(matrix, batch), batch.EffectiveRank,
        ];
        return stack([.. figures.Select(figure => figure.to(value.device).to(ScalarType.Float64))]);
    }

    /// <summary>Reads what <see cref="Collect"/> gave, on the host.</summary>
    internal static LossReport Of(Tensor figures)
    {
        var f = figures.data<double>().ToArray();
        return new(f[0], (long)f[1], (long)f[2], (long)f[3], (long)f[4], (long)f[5], (long)f[6], f[7], f[8]);
    }

    /// <summary>Over all pairs but those of a row with itself.</summary>
    private static Tensor MeanOf(Tensor matrix, LossBatch batch) => batch.MeetsItself
        ? (matrix.sum() - matrix.diagonal().sum()) / S(Math.Max(1, batch.Rows * (batch.Rows - 1)))
        : matrix.sum() / S(Math.Max(1, matrix.numel()));

    private static Tensor Lacking(Tensor mask) => mask.any(1).logical_not().sum();
}
