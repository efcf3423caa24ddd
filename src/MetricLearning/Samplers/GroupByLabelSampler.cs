namespace MetricLearning;

/// <summary>
/// The labels in random order, the rows of each label together, cut into batches: a batch holds as few labels as it can, and at least two
/// rows of each.
/// </summary>
/// <remarks>
/// Exactly the GroupByLabelBatchSampler of sentence-transformers. Each label gives an even number of rows, in the order of the data: the
/// last row of an odd number never comes, and neither does a label with one row. A label with many rows fills whole batches, which then
/// have no negatives; <see cref="IdentitySampler"/> mixes better.
/// </remarks>
public sealed class GroupByLabelSampler : Sampler
{
    private readonly int[] starts;
    private readonly int[] rows;
    private readonly int total;

    /// <summary>A sampler over rows with these labels.</summary>
    /// <param name="labels">The label of each row, any numbers.</param>
    /// <param name="batchSize">Rows of a batch of all processes together, an even number.</param>
    /// <param name="lastBatch">What becomes of rows that do not fill a batch: <see cref="LastBatch.Drop"/> or
    /// <see cref="LastBatch.Short"/>.</param>
    /// <param name="shard">The share of one process among several: whole pairs of a label.</param>
    /// <param name="seed">The seed of all epochs.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">No label has two rows, the batch size is odd, the last batch is to be filled, or the batch
    /// cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch size is below 2, or the enum has no such value.</exception>
    public GroupByLabelSampler(IReadOnlyList<long> labels, int batchSize, LastBatch lastBatch = LastBatch.Short,
        SamplerShard shard = default, ulong seed = 0) : base(batchSize, seed, shard, groupSize: Even(batchSize))
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (Guard.Defined(lastBatch) == LastBatch.Fill)
            throw new ArgumentException("lastBatch must be Drop or Short, got Fill.", nameof(lastBatch));
        LastBatch = lastBatch;
        (starts, rows, _) = Groups.Of(labels, minimum: 2);
        for (var label = 0; label < starts.Length - 1; label++) total += EvenPart(label);
        if (total == 0)
            throw new ArgumentException($"labels must hold one with at least 2 rows, got {labels.Count} rows with none.", nameof(labels));
    }

    /// <summary>What becomes of rows that do not fill a batch.</summary>
    public LastBatch LastBatch { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        int[] order = [.. Enumerable.Range(0, starts.Length - 1)];
        RandomOf(epoch).Shuffle(order.AsSpan());
        var drawn = new List<long>(total);
        foreach (var label in order)
            foreach (var row in rows.AsSpan(starts[label], EvenPart(label))) drawn.Add(row);
        return Share([.. drawn[..Length]]);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(Length);
    }

    private int Length => LastBatch.LengthOf(total, WholeBatchSize);

    private int EvenPart(int label) => (starts[label + 1] - starts[label]) / 2 * 2;

    private static int Even(int batchSize) => Guard.AtLeast(batchSize, 2) % 2 == 0 ? 2
        : throw new ArgumentException($"batchSize must be even, got {batchSize}.", nameof(batchSize));
}
