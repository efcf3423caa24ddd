namespace MetricLearning;

/// <summary>Gives every row once per epoch, in an order that depends on the seed and the epoch.</summary>
public sealed class ShuffleSampler : Sampler
{
    private readonly int count;
    private readonly int length;    // of an epoch of all processes together

    /// <summary>Creates a sampler over <paramref name="count"/> rows.</summary>
    /// <param name="count">The number of rows, at least 1.</param>
    /// <param name="batchSize">The number of rows of a batch of all processes together, at least 1.</param>
    /// <param name="lastBatch">What happens to rows that do not fill a batch. <see cref="LastBatch.Fill"/> takes the epoch's first rows
    /// again. Default: <see cref="LastBatch.Short"/>.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive, the enum has no such value, or the batch is larger than the
    /// data and must not be short.</exception>
    /// <exception cref="ArgumentException">The batch cannot be divided among the processes evenly.</exception>
    public ShuffleSampler(int count, int batchSize, LastBatch lastBatch = LastBatch.Short, SamplerShard shard = default, ulong seed = 0)
        : base(batchSize, seed, shard)
    {
        this.count = Guard.AtLeast(count, Guard.Defined(lastBatch) == LastBatch.Short ? 1 : batchSize);
        LastBatch = lastBatch;
        length = lastBatch.LengthOf(count, batchSize);
    }

    /// <summary>What happens to rows that do not fill a batch.</summary>
    public LastBatch LastBatch { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var order = new long[length];
        var all = new long[count];
        for (var i = 0; i < count; i++) all[i] = i;
        RandomOf(epoch).Shuffle(all.AsSpan());
        all.AsSpan(0, Math.Min(count, length)).CopyTo(order);
        if (length > count) all.AsSpan(0, length - count).CopyTo(order.AsSpan(count));
        return Share(order);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(length);
    }
}
