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
public readonly record struct LossReport(
    double Value, long Anchors, long Terms, long Active, long WithoutPositives, long WithoutNegatives, long NonFinite)
{
    /// <summary>Active ÷ terms; 0 where there are none. Stuck near 1 with the loss near the margin, the embeddings have collapsed.</summary>
    public double ActiveFraction => Terms == 0 ? 0 : (double)Active / Terms;

    /// <summary>The seven figures as float64 [7] where the batch lies, so that a step brings them to the host in one go.</summary>
    internal static Tensor Collect(Tensor value, LossBatch batch, IReadOnlyList<LossTerm> terms)
    {
        using var noGradient = no_grad();
        var active = terms.Select(term => (term.Values != S(0)).sum()).Aggregate(zeros([], ScalarType.Int64, value.device), (sum, part) => sum.Plus(part));
        Tensor[] figures =
        [
            value, tensor(batch.Rows), tensor(terms.Sum(term => term.Values.numel())), active,
            Lacking(batch.Candidates.Positives), Lacking(batch.Candidates.Negatives),
            batch.Embeddings.isfinite().all(1).logical_not().sum(),
        ];
        return stack([.. figures.Select(figure => figure.to(value.device).to(ScalarType.Float64))]);
    }

    /// <summary>Reads what <see cref="Collect"/> gave, on the host.</summary>
    internal static LossReport Of(Tensor figures)
    {
        var f = figures.data<double>().ToArray();
        return new(f[0], (long)f[1], (long)f[2], (long)f[3], (long)f[4], (long)f[5], (long)f[6]);
    }

    private static Tensor Lacking(Tensor mask) => mask.any(1).logical_not().sum();
}
