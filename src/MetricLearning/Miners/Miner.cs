using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Which of the possible tuples matter: distances in, tuples out, never a gradient.</summary>
/// <remarks>
/// A pure function of the distances that the loss already has. To add one, derive and write <see cref="MineCore"/>. What all miners of the
/// library hold to: of candidates at equal distance the one of the lowest index is taken; an anchor that lacks the candidates it needs
/// gives no tuple; a NaN distance is always taken, so that it reaches the loss and is seen there.
/// </remarks>
public abstract class Miner
{
    /// <summary>Keeps every candidate.</summary>
    public static Miner All { get; } = new AllMiner();

    /// <summary>The distance to mine by where it is not the loss's own; null (the default) for the loss's.</summary>
    public Distance? Distance { get; init; }

    /// <summary>Picks tuples.</summary>
    /// <param name="distances">[N, M], rows to columns, as <see cref="Distance.Matrix"/> gives it.</param>
    /// <param name="candidates">Which pairs are allowed, over the same N and M.</param>
    /// <returns>Pairs or triplets among the candidates, which the caller disposes; the candidates themselves where all are kept.</returns>
    /// <exception cref="ArgumentException">The distances are not a matrix of the candidates' size.</exception>
    public Tuples Mine(Tensor distances, Pairs candidates)
    {
        ArgumentNullException.ThrowIfNull(distances);
        ArgumentNullException.ThrowIfNull(candidates);
        if (distances.dim() != 2 || distances.size(0) != candidates.Rows || distances.size(1) != candidates.Columns)
            throw new ArgumentException($"distances must be [{candidates.Rows}, {candidates.Columns}], got {Guard.Shape(distances)}.",
                nameof(distances));
        if (candidates.Rows == 0 || candidates.Columns == 0) return candidates;
        return Alone(candidates, () => MineCore(distances.detach(), candidates));
    }

    /// <summary>Picks tuples of a batch by the distances that it shares.</summary>
    /// <param name="distances">The view of the batch by the distance to mine by.</param>
    /// <returns>Pairs or triplets, which the caller disposes; the batch's candidates themselves where all are kept.</returns>
    public virtual Tuples Mine(DistanceView distances)
    {
        ArgumentNullException.ThrowIfNull(distances);
        return Mine(distances.Matrix, distances.Batch.Candidates);
    }

    /// <summary>[N, M] distances without gradient, N and M at least 1, and the allowed pairs → tuples. Other tensors made here are freed by
    /// the caller.</summary>
    protected abstract Tuples MineCore(Tensor distances, Pairs candidates);

    /// <summary>Without a gradient, and leaving nothing but the tuples.</summary>
    private protected static Tuples Alone(Pairs candidates, Func<Tuples> mine)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var mined = mine();
        if (!ReferenceEquals(mined, candidates)) mined.MoveToOuterDisposeScope();
        return mined;
    }

    private sealed class AllMiner : Miner
    {
        protected override Tuples MineCore(Tensor distances, Pairs candidates) => candidates;
    }
}
