using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on tuples that meets the embeddings of earlier batches too: a ring of the latest ones, without gradient.</summary>
/// <remarks>
/// In training mode, while gradients are recorded, a batch is stored and then meets the whole memory, itself included, each row but its
/// own. Otherwise it meets the memory as it is. The gradient flows into the batch as anchors only. The ring, its labels and its cursor are
/// buffers: they move and are saved with the loss, so that a run goes on where it stopped. Rows that are not finite spoil every loss until
/// they are overwritten: <see cref="Clear"/> after such a batch. Works with every <see cref="TupleLoss"/>, miner and distance, with swapped
/// triplets too. Wang et al., <i>Cross-Batch Memory for Embedding Learning</i>, CVPR 2020; as pytorch-metric-learning's CrossBatchMemory,
/// with TensorFlow Similarity's warm-up.
/// </remarks>
public sealed class CrossBatchMemory : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly TupleLoss loss;
    private readonly Tensor embeddings;
    private readonly Tensor labels;
    private readonly Tensor cursor;

    /// <summary>Creates an empty memory around a loss.</summary>
    /// <param name="loss">The loss, which this takes over.</param>
    /// <param name="dimension">D of the embeddings.</param>
    /// <param name="capacity">The rows that are remembered, at least those of a batch; 1024 by default.</param>
    public CrossBatchMemory(TupleLoss loss, int dimension, int capacity = 1024) : base(nameof(CrossBatchMemory))
    {
        ArgumentNullException.ThrowIfNull(loss);
        this.loss = loss;
        (Dimension, Capacity) = (Guard.AtLeast(dimension, 1), Guard.AtLeast(capacity, 1));
        embeddings = zeros(Capacity, Dimension).DetachFromDisposeScope();
        labels = zeros(Capacity, ScalarType.Int64).DetachFromDisposeScope();
        cursor = zeros(3, ScalarType.Int64).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>D.</summary>
    public int Dimension { get; }

    /// <summary>The rows that are remembered at most.</summary>
    public int Capacity { get; }

    /// <summary>Batches at the start that are stored but meet themselves only, while embeddings still drift fast; 0 by default.</summary>
    public int WarmUp { get; init => field = Guard.AtLeast(value, 0); }

    /// <summary>Whether a batch is stored as it comes; true by default. Where false, fill the memory by <see cref="Add"/>, with a momentum
    /// encoder's embeddings (MoCo).</summary>
    public bool StoresBatches { get; init; } = true;

    /// <summary>The rows that are remembered now.</summary>
    public long Count => Cursor().Filled;

    /// <summary>The loss of a batch against the memory.</summary>
    /// <param name="embeddings">[N, D], N at most the capacity.</param>
    /// <param name="labels">int64 [N].</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor embeddings, Tensor labels)
    {
        Require(embeddings, labels);
        using var scope = NewDisposeScope();
        var learns = training && is_grad_enabled();
        var own = learns && StoresBatches ? Store(embeddings, labels) : null;
        var (_, filled, batches) = Cursor();
        if (learns) Set(2, batches + 1);
        if (batches < WarmUp) return loss.call(embeddings, labels).MoveToOuterDisposeScope();

        var x = RowMath.Widen(embeddings);
        // A copy: the way back must not see what the next batch overwrites.
        var references = this.embeddings.narrow(0, 0, filled).to(x.dtype, copy: true);
        using var batch = new LossBatch(x, labels, references, this.labels.narrow(0, 0, filled).clone(), own);
        return loss.forward(batch).MoveToOuterDisposeScope();
    }

    /// <summary>Stores rows without a loss.</summary>
    /// <param name="embeddings">[N, D], N at most the capacity; no gradient is kept.</param>
    /// <param name="labels">int64 [N].</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public void Add(Tensor embeddings, Tensor labels)
    {
        Require(embeddings, labels);
        using var scope = NewDisposeScope();
        Store(embeddings, labels);
    }

    /// <summary>Forgets all rows; the count of batches for the warm-up stays.</summary>
    public void Clear()
    {
        using var scope = NewDisposeScope();
        cursor.narrow(0, 0, 2).zero_();
    }

    private Tensor Store(Tensor rows, Tensor rowLabels)
    {
        using var noGradient = no_grad();
        var (position, filled, _) = Cursor();
        var places = Iota(position, position + rows.size(0), embeddings.device).remainder(S(Capacity));
        embeddings.index_copy_(0, places, rows.detach().to(embeddings.dtype));
        labels.index_copy_(0, places, rowLabels.to(labels.device));
        Set(0, (position + rows.size(0)) % Capacity);
        Set(1, Math.Min(Capacity, filled + rows.size(0)));
        return places;
    }

    private void Set(long place, long value) => cursor.narrow(0, place, 1).fill_(S(value));

    private (long Position, long Filled, long Batches) Cursor()
    {
        using var host = cursor.cpu();
        var values = host.data<long>();
        return (values[0], values[1], values[2]);
    }

    private void Require(Tensor embeddings, Tensor labels)
    {
        Guard.Matrix(embeddings);
        Guard.Labels(labels, embeddings.size(0));
        if (embeddings.size(1) != Dimension || embeddings.size(0) > Capacity)
            throw new ArgumentException(
                $"embeddings must be [N, {Dimension}] with N at most {Capacity}, got {Guard.Shape(embeddings)}.", nameof(embeddings));
        if (embeddings.device_type != this.embeddings.device_type || embeddings.device_index != this.embeddings.device_index)
            throw new ArgumentException(
                $"embeddings must be on the device of the memory, {this.embeddings.device}, got {embeddings.device}; move the loss there.",
                nameof(embeddings));
    }
}
