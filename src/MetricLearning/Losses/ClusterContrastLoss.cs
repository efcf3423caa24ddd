using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Softmax cross entropy of cosines to centers that are moving averages, not learned parameters: <c>−log softmax(cos(x, c_k) /
/// τ)_y</c>. It trains on clusters instead of identities.</summary>
/// <remarks>
/// Cluster the features of images without identities, for example with <c>Dbscan</c>. Give the means of the clusters to this loss, and the
/// numbers of the clusters as labels. Leave out the rows that belong to no cluster. Make new clusters and a new loss for each epoch.
/// <para>After the loss of a batch is computed, each row x moves the center of its cluster: <c>c_y ← unit(m·c_y + (1 − m)·unit(x))</c>, in
/// the order of the rows, in training mode while gradients are recorded. A row that is not finite, or that leaves a center without
/// direction, moves nothing. The centers are the buffer <c>centers</c>, so they move to a device and are saved with the loss.</para>
/// <para>Default: τ = 0.05, m = 0.1, mean over the samples. Dai et al., <i>Cluster Contrast for Unsupervised Person
/// Re-Identification</i>, ACCV 2022, and its code, whose class ClusterMemory moves the centers in the backward pass.</para>
/// <para>Thread safety: one thread at a time in training mode, where the centers move; any number of threads in evaluation
/// mode.</para>
/// </remarks>
public sealed class ClusterContrastLoss : MetricLoss
{
    private readonly Tensor centers;

    /// <summary>Creates the loss.</summary>
    /// <param name="centers">[C, D], floating point: the mean of each cluster, C at least 1. The rows may have any length above 0: the loss
    /// keeps a copy whose rows have length 1. <c>EmbeddingSet.ClassMeans</c> computes them.</param>
    /// <param name="temperature">The temperature τ, above 0. Default: 0.05.</param>
    /// <param name="momentum">The weight m of the old center, in [0, 1]; 1: the centers do not move. Default: 0.1, so the newest row counts
    /// most.</param>
    /// <exception cref="ArgumentNullException">The centers are null.</exception>
    /// <exception cref="ArgumentException">The centers are not [C, D], not finite, or a row is 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public ClusterContrastLoss(Tensor centers, double temperature = 0.05, double momentum = 0.1) : base(nameof(ClusterContrastLoss))
    {
        Guard.Matrix(centers);
        (Temperature, Momentum) = (Guard.Positive(temperature), Guard.Within(momentum, 0, 1));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (centers.size(0) == 0) throw new ArgumentException($"centers must have at least one row, got {Guard.Shape(centers)}.",
            nameof(centers));
        if (Guard.NotFinite(centers) is { } found)
            throw new ArgumentException($"centers must be finite, got {found}.", nameof(centers));
        var unit = RowMath.Unit(RowMath.Widen(centers));
        if (unit.eq(S(0)).all(1).any().item<bool>())
            throw new ArgumentException("centers must have a direction, but a row has only zeros.", nameof(centers));
        this.centers = unit.clone().DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>The temperature τ.</summary>
    public double Temperature { get; }

    /// <summary>The weight m of the old center when a row moves it.</summary>
    public double Momentum { get; }

    /// <summary>Whether only the row with the lowest cosine to its center moves it, once for each cluster of a batch (the first of equal
    /// rows). It is the option <c>use_hard</c> of the paper's code. Default: false, each row moves its center.</summary>
    public bool MovesByHardest { get; init; }

    /// <summary>[C, D]: the centers, rows of length 1. The loss owns the tensor.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Tensor Centers => Guard.Owned(centers, this);

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var labels = batch.RequireLabels(nameof(ClusterContrastLoss));
        Guard.Width(batch.Embeddings, centers.size(1));
        Guard.InRange(labels, centers.size(0));
        var scores = ClassScores.Cosines(batch.Embeddings, centers.to(batch.Embeddings.dtype));
        var costs = new ClassLogits(scores, 1 / Temperature).Costs(labels);
        if (training && is_grad_enabled() && Momentum < 1) Move(scores, labels);
        yield return new(costs, Iota(batch.Rows, costs.device));
    }

    /// <summary>Moves the centers by the rows of a batch.</summary>
    private void Move(ClassScores scores, Tensor labels)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        StateChanges.Before(centers);
        foreach (var rows in MovesByHardest ? [Hardest(scores, labels)] : Rounds(labels))
        {
            var of = tensor(rows, device: centers.device);
            var clusters = labels.index_select(0, of);
            var (old, row) = (centers.index_select(0, clusters), scores.Rows.index_select(0, of).to(centers.dtype));
            var moved = RowMath.Unit((S(Momentum) * old).Plus(S(1 - Momentum) * row));
            var hasDirection = moved.isfinite().all(1).logical_and(moved.ne(S(0)).any(1)).unsqueeze(1);
            centers.index_copy_(0, clusters, where(hasDirection, moved, old));
        }
    }

    /// <summary>The row with the lowest cosine to its center, for each cluster that has a finite row.</summary>
    private static long[] Hardest(ClassScores scores, Tensor labels)
    {
        var (clusters, cosines) = (TensorMemory.Copy<long>(labels), TensorMemory.Copy<double>(scores.Of(labels).to(ScalarType.Float64)));
        return [.. Enumerable.Range(0, clusters.Length).Where(row => double.IsFinite(cosines[row]))
            .GroupBy(row => clusters[row]).Select(rows => (long)rows.MinBy(row => cosines[row]))];
    }

    /// <summary>The rows of a batch in order, in groups that have at most one row of each cluster.</summary>
    private static IEnumerable<long[]> Rounds(Tensor labels)
    {
        var seen = new Dictionary<long, int>();
        return TensorMemory.Copy<long>(labels).Select((cluster, row) =>
        {
            var round = seen[cluster] = seen.GetValueOrDefault(cluster) + 1;
            return (Round: round, Row: (long)row);
        }).GroupBy(entry => entry.Round, entry => entry.Row).OrderBy(round => round.Key).Select(round => round.ToArray());
    }
}
