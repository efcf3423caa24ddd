namespace MetricLearning;

/// <summary>
/// Draws rows one by one: first a class, with probability proportional to <c>n^(1 − balance)</c> where n is its number of rows, then the
/// next of its rows. With balance 1 rare classes are drawn as often as frequent ones.
/// </summary>
/// <remarks>
/// Balance 1 gives every class the same share, 0.5 is square-root sampling, 0 leaves the shares as they are in the data (Mahajan et al.,
/// ECCV 2018; Kang et al., <i>Decoupling Representation and Classifier for Long-Tailed Recognition</i>, ICLR 2020). PyTorch's
/// <c>WeightedRandomSampler</c> with weights 1/n has the same shares; here no row of a class is drawn again before all other rows of the
/// class. If a metric loss needs positives in every batch, use <see cref="IdentitySampler"/>.
/// </remarks>
public sealed class ClassBalancedSampler : Sampler
{
    private readonly int[] starts;
    private readonly int[] rows;
    private readonly int batches;
    private readonly double[] upTo;    // the sum of the weights of classes 0..i

    /// <summary>Creates a sampler over rows with these classes.</summary>
    /// <param name="labels">The class of each row, any numbers.</param>
    /// <param name="batchSize">The number of rows of a batch of all processes together, at least 1.</param>
    /// <param name="balance">The balance, in [0, 1]: 0 for the data's shares, 1 for equal shares. Default: 1.</param>
    /// <param name="batchesPerEpoch">The number of batches of an epoch, at least 1. Default: rows / batch size, at least 1.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">There are no labels, an epoch is larger than an array can be, or the batch cannot be divided
    /// among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public ClassBalancedSampler(IReadOnlyList<long> labels, int batchSize, double balance = 1, int? batchesPerEpoch = null,
        SamplerShard shard = default, ulong seed = 0) : base(batchSize, seed, shard)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.Count == 0) throw new ArgumentException("labels must not be empty.", nameof(labels));
        Balance = Guard.Within(balance, 0, 1);
        batches = SamplerSize.Batches(batchesPerEpoch, labels.Count, batchSize);
        (starts, rows, _) = Groups.Of(labels, minimum: 1);
        upTo = new double[starts.Length - 1];
        for (var i = 0; i < upTo.Length; i++)
            upTo[i] = (i == 0 ? 0 : upTo[i - 1]) + Math.Pow(starts[i + 1] - starts[i], 1 - balance);
    }

    /// <summary>The balance: 0 for the data's shares, 1 for equal shares.</summary>
    public double Balance { get; }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        int[] order = [.. rows];
        var taken = new int[upTo.Length];
        var drawn = new long[batches * WholeBatchSize];
        for (var i = 0; i < drawn.Length; i++)
        {
            var found = Array.BinarySearch(upTo, random.NextDouble() * upTo[^1]);
            var chosen = Math.Min(found >= 0 ? found + 1 : ~found, upTo.Length - 1);
            var own = order.AsSpan(starts[chosen]..starts[chosen + 1]);
            var next = taken[chosen]++ % own.Length;
            // This is one step of a shuffle: the rows from index `next` on have not been drawn in this round.
            var j = next + random.NextInt(own.Length - next);
            (own[next], own[j]) = (own[j], own[next]);
            drawn[i] = own[next];
        }
        return Share(drawn);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(batches * WholeBatchSize);
    }
}
