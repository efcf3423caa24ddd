using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Picks the tuples of a batch that a loss trains on. It takes distances, returns tuples, and never computes a gradient.</summary>
/// <remarks>
/// A loss mines by itself, from the distances that it already has (<c>new TripletLoss { Miner = new BatchHardMiner() }</c>). You can also
/// mine and pass the tuples on:
/// <code>
/// using var triplets = miner.Mine(embeddings, labels);
/// using var value = loss.forward(embeddings, triplets);
/// </code>
/// All miners of the library follow these rules. Among candidates at equal distance, the lowest index is taken, unless a setting keeps
/// ties. Rows that are equal to the bit are at equal distances in float32 on the CPU; in float64 and on other devices the product of
/// libtorch may round their distances differently. An anchor that lacks a candidate it needs gives no tuple. A NaN distance is always
/// taken, so that it reaches the loss and is seen there. To add a miner, derive from this class and write <see cref="MineCore"/>. Use
/// <see cref="Scalars.S(double)"/> for numbers:
/// <code>
/// sealed class FarNegatives(double radius) : Miner
/// {
///     protected override Tuples MineCore(Tensor distances, Pairs candidates) =&gt; new Pairs(
///         candidates.Positives.clone(), candidates.Negatives &amp; (distances &lt; S(radius)).logical_not());
/// }
/// </code>
/// <para>Thread safety: immutable; any number of threads may mine at once, each with a batch of its own. A <see cref="SeededMiner"/> is
/// for one thread at a time.</para>
/// </remarks>
public abstract class Miner
{
    private readonly AllowedDistances? allowed;

    /// <summary>Creates a miner that works with every distance.</summary>
    protected Miner() { }

    /// <summary>Creates a miner whose formula holds only for some distances. <see cref="Distance"/> refuses all others.</summary>
    /// <param name="allowedDistances">The distances for which the formula holds; the first is the default.</param>
    /// <exception cref="ArgumentException">There is no distance, or one is null.</exception>
    protected Miner(params Distance[] allowedDistances)
    {
        allowed = new(allowedDistances, nameof(allowedDistances));
        Distance = allowed.Default;
    }

    /// <summary>Keeps every candidate.</summary>
    public static Miner All { get; } = new AllMiner();

    /// <summary>The distance to mine by. Null (the default) means the distance of the loss, or the Euclidean distance if there is no
    /// loss.</summary>
    /// <exception cref="ArgumentException">The miner's formula does not hold for this distance.</exception>
    public Distance? Distance { get; init => field = RequireAllowed(value); }

    /// <summary>Picks tuples of a batch that is compared with itself.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point; N may be 0. They need no gradient.</param>
    /// <param name="labels">The labels [N], of any integer type; only equality counts.</param>
    /// <returns>Pairs or triplets over N rows and N columns, for <c>loss.forward(embeddings, tuples)</c>. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public Tuples Mine(Tensor embeddings, Tensor labels)
    {
        using var noGradient = no_grad();
        using var batch = new LossBatch(embeddings, labels);
        return Mine(batch);
    }

    /// <summary>Picks tuples of a batch that is compared with references: a second view, a memory, a teacher.</summary>
    /// <param name="embeddings">The embeddings [N, D], floating point.</param>
    /// <param name="labels">The labels [N], of any integer type; only equality counts.</param>
    /// <param name="references">The references [M, D], of the same type and device.</param>
    /// <param name="referenceLabels">The labels of the references [M], of any integer type.</param>
    /// <returns>Pairs or triplets over N rows and M columns, for <c>loss.forward(embeddings, tuples, references)</c>. The caller disposes
    /// them.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public Tuples Mine(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels)
    {
        using var noGradient = no_grad();
        using var batch = new LossBatch(embeddings, labels, references, referenceLabels);
        return Mine(batch);
    }

    /// <summary>Picks tuples from a matrix of distances.</summary>
    /// <param name="distances">[N, M], rows to columns, as <see cref="Distance.Matrix"/> gives it.</param>
    /// <param name="candidates">Which pairs are allowed, over the same N and M.</param>
    /// <returns>Pairs or triplets among the candidates, which the caller disposes; the candidates themselves if all are kept.</returns>
    /// <exception cref="ArgumentException">The distances are not a matrix of the candidates' size.</exception>
    public Tuples Mine(Tensor distances, Pairs candidates)
    {
        Guard.Alive(distances);
        ArgumentNullException.ThrowIfNull(candidates);
        if (distances.dim() != 2 || distances.size(0) != candidates.Rows || distances.size(1) != candidates.Columns)
            throw new ArgumentException($"distances must be [{candidates.Rows}, {candidates.Columns}], got {Guard.Shape(distances)}.",
                nameof(distances));
        if (candidates.Rows == 0 || candidates.Columns == 0) return candidates;
        return WithoutGradient(candidates,
            () => Fitting(MineCore(distances.detach(), candidates), candidates.Rows, candidates.Columns, nameof(MineCore)));
    }

    /// <summary>Picks tuples of a batch from the distances that all its losses and miners share.</summary>
    /// <param name="distances">The view of the batch by the distance to mine by.</param>
    /// <returns>Pairs or triplets, which the caller disposes; the batch's candidates themselves if all are kept.</returns>
    /// <exception cref="ArgumentException">The miner's formula does not hold for the distance of the view.</exception>
    public virtual Tuples Mine(DistanceView distances)
    {
        ArgumentNullException.ThrowIfNull(distances);
        RequireAllowed(distances.Distance);
        return Mine(distances.Matrix, distances.Batch.Candidates);
    }

    /// <summary>Picks the tuples: [N, M] distances without gradient, N and M at least 1, and the allowed pairs → tuples. The caller frees
    /// all other tensors that are created here.</summary>
    protected abstract Tuples MineCore(Tensor distances, Pairs candidates);

    /// <summary>Refuses a distance that the miner's formula does not hold for. Null stands for the distance of the loss.</summary>
    private protected Distance? RequireAllowed(Distance? distance, string name = nameof(Distance)) =>
        allowed is null || allowed.Permits(distance) ? distance
            : throw new ArgumentException($"{name} must be {allowed}, got {distance?.ToString() ?? "null"}.", name);

    /// <summary>Requires that an override returned tuples over the rows and columns of the batch.</summary>
    /// <remarks>It does not take the candidates: a miner that searches tiles never makes their masks.</remarks>
    /// <exception cref="InvalidOperationException">The tuples are null or of another size.</exception>
    internal Tuples Fitting(Tuples? mined, long rows, long columns, string member) =>
        Returned.Value(mined, this, member) is { } tuples && tuples.Rows == rows && tuples.Columns == columns
            ? tuples
            : throw Returned.Wrong(this, member, $"tuples over {rows} rows and {columns} columns",
                $"{mined!.Rows} and {mined.Columns}");

    /// <summary>Runs a search without gradient and frees every tensor that it makes, except the tuples.</summary>
    private protected static Tuples WithoutGradient(Pairs candidates, Func<Tuples> search)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var mined = StateChanges.During(search);
        if (!ReferenceEquals(mined, candidates)) mined.MoveToOuterDisposeScope();
        return mined;
    }

    /// <summary>Mines a batch that is disposed afterwards. The tuples get their own handles, even if they are the candidates of the
    /// batch.</summary>
    private Tuples Mine(LossBatch batch)
    {
        using var scope = NewDisposeScope();
        var mined = Mine(batch.Distances(Distance ?? Distance.Euclidean)).Alias();
        mined.MoveToOuterDisposeScope();
        return mined;
    }

    private sealed class AllMiner : Miner
    {
        protected override Tuples MineCore(Tensor distances, Pairs candidates) => candidates;
    }
}
