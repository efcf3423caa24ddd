using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss over tuples: a distance says what near means, a miner which tuples matter, a reducer makes one number of them.</summary>
/// <remarks>
/// A subclass writes <see cref="Terms(DistanceView, Tuples)"/>, the maths of the paper, and sets its defaults for the three in its
/// constructor. Everything else is here: labels or given tuples, a batch that meets itself or references, sharing of the matrix, degenerate
/// batches, memory.
/// </remarks>
public abstract class TupleLoss : MetricLoss
{
    /// <summary>Names the module.</summary>
    protected TupleLoss(string name) : base(name) { }

    /// <summary>What near means; Euclidean unless the loss says otherwise.</summary>
    public Distance Distance { get; init; } = Distance.Euclidean;

    /// <summary>Which tuples matter; all of them unless the loss says otherwise. Given tuples are not mined.</summary>
    public Miner Miner { get; init; } = Miner.All;

    /// <summary>The loss of a batch that meets references: a second view, a memory, a teacher.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    /// <param name="references">[M, D], of the same type and device; a gradient flows into them where they want one.</param>
    /// <param name="referenceLabels">int64 [M].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public Tensor forward(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels)
    {
        using var batch = new LossBatch(embeddings, labels, references, referenceLabels);
        return forward(batch);
    }

    /// <summary>The loss of tuples that you chose yourself.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="tuples">Pairs or triplets over the N rows (<see cref="Triplets.Packed"/> for a batch of anchors, positives, negatives
    /// in thirds).</param>
    /// <param name="references">[M, D], the columns of the tuples; null where they are the batch itself.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public Tensor forward(Tensor embeddings, Tuples tuples, Tensor? references = null)
    {
        using var batch = new LossBatch(embeddings, tuples, references);
        return forward(batch);
    }

    /// <summary>Mines, and hands the tuples to the maths.</summary>
    protected sealed override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var tuples = batch.Given ?? Mine(batch);
        return tuples.Rows == 0 || tuples.Columns == 0 ? [] : Terms(batch.Distances(Distance), tuples);
    }

    /// <summary>The values of the tuples, in one or more terms. Never asked of a batch, or of references, without rows. Tensors made here
    /// are freed by the caller.</summary>
    /// <param name="distances">Index it by the tuples, or take its matrix.</param>
    /// <param name="tuples">Take them in the form that the maths needs: <c>AsTriplets()</c>, <c>AsPairs()</c>, or lists of pairs.</param>
    protected abstract IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples);

    /// <summary>
    /// The positive pairs, where with their negatives they are so many triplets that a sum for each pair is to stand for them, which the
    /// reducer has to take; null where triplets are to come one by one.
    /// </summary>
    /// <param name="distances">As in <see cref="Terms(DistanceView, Tuples)"/>.</param>
    /// <param name="tuples">As there.</param>
    /// <param name="signed">Whether values may be below 0.</param>
    private protected (Tensor Rows, Tensor Columns)? PairsForSums(DistanceView distances, Tuples tuples, bool signed = false)
    {
        if (tuples is not Pairs pairs || !MaySum(distances, signed)) return null;
        var (rows, columns) = pairs.PositivePairs();
        return PairBlocks.AreMany(rows.size(0), pairs.Columns) ? (rows, columns) : null;
    }

    /// <summary>Whether sums over several values of a row may stand for them.</summary>
    /// <param name="distances">As in <see cref="Terms(DistanceView, Tuples)"/>.</param>
    /// <param name="signed">Whether values may be below 0.</param>
    private protected bool MaySum(DistanceView distances, bool signed = false) =>
        Reducer.TakesSums(signed) && !distances.Batch.WantsEachValue;

    private protected sealed override Distance Measure => Distance;

    private Tuples Mine(LossBatch batch) => ReferenceEquals(Miner, Miner.All)
        ? batch.Candidates
        : Miner.Mine(batch.Distances(Miner.Distance ?? Distance));
}
