namespace MetricLearning;

/// <summary>Gives every row once, in order, for extracting features. The last batch may be smaller.</summary>
public sealed class SequentialSampler : Sampler
{
    private readonly int count;

    /// <summary>Creates a sampler over <paramref name="count"/> rows.</summary>
    /// <param name="count">The number of rows, at least 1.</param>
    /// <param name="batchSize">The number of rows of a batch, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public SequentialSampler(int count, int batchSize) : base(batchSize, seed: 0) => this.count = Guard.AtLeast(count, 1);

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var order = new long[CountIn(epoch)];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        return order;
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return count;
    }
}
