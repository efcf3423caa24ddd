namespace MetricLearning;

/// <summary>
/// Puts the labels in random order, with the rows of each label together, and cuts this list into batches. A batch has as few labels as
/// possible, and at least two rows of each.
/// </summary>
/// <remarks>
/// This is exactly the GroupByLabelBatchSampler of sentence-transformers. Each label gives an even number of rows, in the order of the
/// data. The last row of an odd number is never used, and neither is a label with one row. A label with many rows fills whole batches,
/// which then have no negatives; <see cref="IdentitySampler"/> mixes better.
/// </remarks>
public sealed class GroupByLabelSampler : Sampler
{
    private readonly int[] starts;
    private readonly int[] rows;
    private readonly int total;

    /// <summary>Creates a sampler over rows with these labels.</summary>
    /// <param name="labels">The label of each row, any numbers.</param>
    /// <param name="batchSize">The number of rows of a batch of all processes together, even and at least 2.</param>
    /// <param name="lastBatch">What happens to rows that do not fill a batch: <see cref="LastBatch.Drop"/> or
    /// <see cref="LastBatch.Short"/>, the default.</param>
    /// <param name="shard">The share of one process among several: whole pairs of a label. Default: one process that takes the whole
    /// batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">No label has two rows, the batch size is odd, <paramref name="lastBatch"/> is
    /// <see cref="LastBatch.Fill"/>, or the batch cannot be divided among the processes evenly.</exception>
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
            throw new ArgumentException($"a label must have at least 2 rows, got {labels.Count} different labels.", nameof(labels));
    }

    /// <summary>What happens to rows that do not fill a batch.</summary>
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
