using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on tuples that also compares the batch with the embeddings of earlier batches. It keeps the latest rows in a ring,
/// without gradient.</summary>
/// <remarks>
/// In training mode, while gradients are recorded, each row of the batch is compared with the whole memory and with all other rows of the
/// batch. Then the batch is stored. Otherwise the batch is compared only with the memory. Except in the warm-up, the gradient flows only
/// into the anchors. The ring, its labels and its cursor are buffers: they move and are saved with the loss, so a resumed run continues
/// where it stopped. A batch that the loss refuses is not stored. Rows that are not finite make every loss NaN until they are overwritten:
/// call <see cref="Clear"/> after such a batch. The memory works with every <see cref="TupleLoss"/>, miner and distance, and with swapped
/// triplets. Wang et al., <i>Cross-Batch Memory for Embedding Learning</i>, CVPR 2020; as in pytorch-metric-learning's CrossBatchMemory,
/// with TensorFlow Similarity's warm-up.
/// <para>Thread safety: one thread at a time.</para>
/// </remarks>
public sealed class CrossBatchMemory : nn.Module<Tensor, Tensor, Tensor>, IReportedLoss
{
    private readonly TupleLoss loss;
    private readonly Tensor embeddings;
    private readonly Tensor labels;
    private readonly Tensor cursor;

    /// <summary>Creates an empty memory around a loss.</summary>
    /// <param name="loss">The loss. This module takes ownership of it.</param>
    /// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
    /// <param name="capacity">The number of rows that are remembered, at least the rows of a batch. Default: 1024.</param>
    /// <exception cref="ArgumentNullException">The loss is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The dimension or the capacity is below 1.</exception>
    public CrossBatchMemory(TupleLoss loss, long dimension, long capacity = 1024) : base(nameof(CrossBatchMemory))
    {
        ArgumentNullException.ThrowIfNull(loss);
        this.loss = loss;
        (Dimension, Capacity) = (Guard.AtLeast(dimension, 1), Guard.AtLeast(capacity, 1));
        embeddings = zeros(Capacity, Dimension).DetachFromDisposeScope();
        labels = zeros(Capacity, ScalarType.Int64).DetachFromDisposeScope();
        cursor = zeros(3, ScalarType.Int64).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>The dimension D of the embeddings.</summary>
    public long Dimension { get; }

    /// <summary>The largest number of rows in the memory.</summary>
    public long Capacity { get; }

    /// <summary>The number of batches at the start that are stored but are compared only with themselves, while embeddings still drift
    /// fast. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 0.</exception>
    public int WarmUp { get; init => field = Guard.AtLeast(value, 0); }

    /// <summary>Whether a batch is stored when its loss is computed. If false, a batch is compared only with the memory, and you fill the
    /// memory with <see cref="Add"/>, for example with the embeddings of a momentum encoder (MoCo). Default: true.</summary>
    public bool StoresBatches { get; init; } = true;

    /// <summary>The current number of rows in the memory.</summary>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    public long Count
    {
        get
        {
            Guard.InUse(this);
            return Cursor().Filled;
        }
    }

    /// <summary>Computes the loss of a batch against the memory.</summary>
    /// <param name="embeddings">The embeddings [N, D], N at most the capacity.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor embeddings, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var batches = new LossBatches();
        return Evaluate(embeddings, labels, batches).Value.MoveToOuterDisposeScope();
    }

    /// <summary>Stores rows without computing a loss.</summary>
    /// <param name="embeddings">The embeddings [N, D], N at most the capacity; no gradient is kept.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public void Add(Tensor embeddings, Tensor labels)
    {
        using var scope = NewDisposeScope();
        labels = Check(embeddings, labels);
        Store(embeddings, labels, PlacesOfNext(embeddings.size(0)));
    }

    /// <summary>Removes all rows. The count of batches for the warm-up stays.</summary>
    /// <exception cref="ObjectDisposedException">The memory has been disposed.</exception>
    public void Clear()
    {
        Guard.InUse(this);
        using var scope = NewDisposeScope();
        cursor.narrow(0, 0, 2).zero_();
    }

    LossOutcome IReportedLoss.Evaluate(Tensor input, Tensor labels, LossBatches batches) => Evaluate(input, labels, batches);

    /// <summary>Computes the loss first, and stores the batch once the loss has accepted it.</summary>
    private LossOutcome Evaluate(Tensor embeddings, Tensor labels, LossBatches batches) => StateChanges.During(() =>
    {
        labels = Check(embeddings, labels);
        var learns = training && is_grad_enabled();
        var places = learns && StoresBatches ? PlacesOfNext(embeddings.size(0)) : null;
        var seen = Cursor().Batches;
        var outcome = loss.Evaluate(seen < WarmUp
            ? batches.Of(embeddings, labels)
            : batches.Add(AgainstMemory(embeddings, labels, places)));
        if (places is not null) Store(embeddings, labels, places);
        if (learns) Set(2, seen + 1);
        return outcome;
    });

    /// <summary>Makes a batch that is compared with the memory. If the batch will be stored, its own rows are already at their
    /// places.</summary>
    private LossBatch AgainstMemory(Tensor embeddings, Tensor labels, Tensor? places)
    {
        var x = RowMath.Widen(embeddings);
        var filled = places is null ? Cursor().Filled : FilledWith(embeddings.size(0));
        // These are copies, because later batches overwrite the ring before the backward pass.
        var references = this.embeddings.narrow(0, 0, filled).to(x.dtype, copy: true);
        var referenceLabels = this.labels.narrow(0, 0, filled).clone();
        if (places is not null) Write(embeddings, labels, references, referenceLabels, places);
        return new(x, labels, references, referenceLabels, places);
    }

    private void Store(Tensor rows, Tensor rowLabels, Tensor places)
    {
        using var noGradient = no_grad();
        StateChanges.Before(embeddings, places);
        StateChanges.Before(labels, places);
        Write(rows, rowLabels, embeddings, labels, places);
        var filled = FilledWith(rows.size(0));
        Set(0, (Cursor().Position + rows.size(0)) % Capacity);
        Set(1, filled);
    }

    /// <summary>Writes rows, rounded to the type of the ring, and their labels to places of a ring or of its copy.</summary>
    private void Write(Tensor rows, Tensor rowLabels, Tensor ring, Tensor ringLabels, Tensor places)
    {
        ring.index_copy_(0, places, rows.detach().to(embeddings.dtype).to(ring.dtype));
        ringLabels.index_copy_(0, places, rowLabels.to(ringLabels.device));
    }

    /// <summary>int64 [count]: the places of the next rows in the ring.</summary>
    private Tensor PlacesOfNext(long count)
    {
        var position = Cursor().Position;
        return Iota(position, position + count, embeddings.device).remainder(S(Capacity));
    }

    /// <summary>The number of rows in the memory after this many have been stored.</summary>
    private long FilledWith(long count) => Math.Min(Capacity, Cursor().Filled + count);

    private void Set(long place, long value)
    {
        StateChanges.Before(cursor);
        cursor.narrow(0, place, 1).fill_(S(value));
    }

    private (long Position, long Filled, long Batches) Cursor()
    {
        using var host = cursor.cpu();
        var values = host.data<long>();
        return (values[0], values[1], values[2]);
    }

    /// <summary>Checks a batch; returns its labels as int64. The caller has a dispose scope open.</summary>
    private Tensor Check(Tensor embeddings, Tensor labels)
    {
        Guard.InUse(this);
        Guard.Matrix(embeddings);
        var wide = Guard.Labels(labels, embeddings.size(0));
        if (embeddings.size(1) != Dimension || embeddings.size(0) > Capacity)
            throw new ArgumentException(
                $"embeddings must be [N, {Dimension}] with N at most {Capacity}, got {Guard.Shape(embeddings)}.", nameof(embeddings));
        if (embeddings.device_type != this.embeddings.device_type || embeddings.device_index != this.embeddings.device_index)
            throw new ArgumentException(
                $"embeddings must be on the device of the memory, {this.embeddings.device}, got {embeddings.device}; move the loss there.",
                nameof(embeddings));
        return wide;
    }
}
