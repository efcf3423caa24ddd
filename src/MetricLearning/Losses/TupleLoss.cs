using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The base class of losses over tuples. A miner chooses the tuples, the loss compares their distances, and a reducer turns the
/// values into one number.</summary>
/// <remarks>
/// A subclass writes <see cref="Terms(DistanceView, Tuples)"/>, the formula of the paper, and sets its defaults for distance, miner and
/// reducer in its constructor. This class does everything else: labels or given tuples, batches with or without references, the shared
/// matrix, degenerate batches, memory.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors, unless the loss says otherwise or its
/// miner draws at random (<see cref="SeededMiner"/>: one thread at a time).</para>
/// </remarks>
public abstract class TupleLoss : MetricLoss
{
    private readonly AllowedDistances? allowed;

    /// <summary>Names a loss that works with any distance.</summary>
    protected TupleLoss(string name) : base(name) { }

    /// <summary>Names a loss whose formula is defined for one distance only: <see cref="Distance"/> refuses all others.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="requiredDistance">The distance that the formula needs.</param>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    protected TupleLoss(string name, Distance requiredDistance) : base(name)
    {
        allowed = new([Guard.NotNull(requiredDistance)], nameof(requiredDistance));
        Distance = requiredDistance;
    }

    /// <summary>The distance that the loss compares. Default: Euclidean, unless the loss says otherwise.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    /// <exception cref="ArgumentException">The formula of the loss is defined for one distance only, and this is another.</exception>
    public Distance Distance
    {
        get;
        init
        {
            Guard.NotNull(value);
            if (allowed?.Permits(value) == false)
                throw new ArgumentException($"Distance of {GetName()} must be Distance.{allowed}, because its formula is defined for that "
                    + $"distance only; got {value}.", nameof(Distance));
            field = value;
        }
    } = Distance.Euclidean;

    /// <summary>Chooses the tuples. Default: all of them, unless the loss says otherwise. Tuples that you pass yourself are not
    /// mined.</summary>
    /// <exception cref="ArgumentNullException">The miner is null.</exception>
    public Miner Miner { get; init => field = Guard.NotNull(value); } = Miner.All;

    /// <summary>Computes the loss of a batch against references: a second view, a memory, a teacher.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <param name="references">The references [M, D], of the same type and device; they get a gradient if they require one.</param>
    /// <param name="referenceLabels">The labels of the references [M], integers of any width.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public Tensor forward(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels)
    {
        using var batch = new LossBatch(embeddings, labels, references, referenceLabels);
        return forward(batch);
    }

    /// <summary>Computes the loss of tuples that you chose yourself.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="tuples">Pairs or triplets over the N rows (<see cref="Triplets.Packed"/> for a batch of anchors, positives, negatives
    /// in thirds).</param>
    /// <param name="references">The references [M, D], the columns of the tuples; null if they are the batch itself.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit, or a tuple points outside the rows.</exception>
    public Tensor forward(Tensor embeddings, Tuples tuples, Tensor? references = null)
    {
        using var batch = new LossBatch(embeddings, tuples, references);
        return forward(batch);
    }

    /// <summary>Calls <see cref="forward(Tensor, Tensor, Tensor, Tensor)"/>. TorchSharp's hooks take embeddings and labels, so they do not
    /// run here.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor, Tensor, Tensor)"/>
    public Tensor call(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels) =>
        forward(embeddings, labels, references, referenceLabels);

    /// <summary>Calls <see cref="forward(Tensor, Tuples, Tensor?)"/>. TorchSharp's hooks take embeddings and labels, so they do not run
    /// here.</summary>
    /// <inheritdoc cref="forward(Tensor, Tuples, Tensor?)"/>
    public Tensor call(Tensor embeddings, Tuples tuples, Tensor? references = null) => forward(embeddings, tuples, references);

    /// <summary>Chooses the tuples and computes their values.</summary>
    protected sealed override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var tuples = batch.Given ?? Mine(batch);
        return tuples.Rows == 0 || tuples.Columns == 0 ? [] : Terms(batch.Distances(Distance), tuples);
    }

    /// <summary>Computes the values of the tuples, in one or more terms. It is not called if the batch or the references have no rows. The
    /// caller frees the tensors that are created here.</summary>
    /// <param name="distances">The distances: index them by the tuples, or use the matrix.</param>
    /// <param name="tuples">The tuples: use the form that the formula needs, <c>AsTriplets()</c>, <c>AsPairs()</c>, or lists of
    /// pairs.</param>
    protected abstract IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples);

    /// <summary>
    /// The positive pairs if there are too many triplets to enumerate and the reducer accepts one sum for each pair; otherwise null, and
    /// the loss gives each triplet.
    /// </summary>
    /// <param name="distances">As in <see cref="Terms(DistanceView, Tuples)"/>.</param>
    /// <param name="tuples">As in <see cref="Terms(DistanceView, Tuples)"/>.</param>
    /// <param name="signed">Whether values may be below 0.</param>
    private protected (Tensor Rows, Tensor Columns)? PairsToSum(DistanceView distances, Tuples tuples, bool signed = false)
    {
        if (tuples is not Pairs pairs || !MaySum(distances, signed)) return null;
        var (rows, columns) = pairs.PositivePairs();
        return PairBlocks.AreMany(rows.size(0), pairs.Columns) ? (rows, columns) : null;
    }

    /// <summary>Whether the loss may return sums over several values of a row instead of the values.</summary>
    /// <param name="distances">As in <see cref="Terms(DistanceView, Tuples)"/>.</param>
    /// <param name="signed">Whether values may be below 0.</param>
    private protected bool MaySum(DistanceView distances, bool signed = false) =>
        Reducer.TakesSums(signed) && !distances.Batch.WantsEachValue;

    private protected sealed override Distance ReportDistance => Distance;

    private Tuples Mine(LossBatch batch) => ReferenceEquals(Miner, Miner.All)
        ? batch.Candidates
        : Miner.Fitting(Miner.Mine(batch.Distances(Miner.Distance ?? Distance)), batch.Rows, batch.Columns, nameof(Miner.Mine));
}
