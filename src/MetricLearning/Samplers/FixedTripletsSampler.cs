using System.Globalization;

namespace MetricLearning;

/// <summary>Gives the same triplets in every epoch, in an order that depends on the seed and the epoch. A batch has the order anchor,
/// positive, negative, anchor, ...</summary>
/// <remarks>
/// Use it for data that are known only as a set of triplets, and for triplets that were mined before. The loss takes a batch as
/// <c>loss.forward(embeddings, Triplets.InThrees(rows))</c>. This is FixedSetOfTriplets of pytorch-metric-learning; its draw from labels is
/// <see cref="FromLabels"/>.
/// </remarks>
public sealed class FixedTripletsSampler : Sampler
{
    private readonly (long Anchor, long Positive, long Negative)[] triplets;
    private readonly int length;    // of an epoch of all processes together

    /// <summary>Creates a sampler over these triplets.</summary>
    /// <param name="triplets">The rows of anchor, positive and negative, each 0 or greater; at least one triplet.</param>
    /// <param name="tripletsPerBatch">The number of triplets of a batch of all processes together, at least 1.</param>
    /// <param name="lastBatch">What happens to triplets that do not fill a batch. <see cref="LastBatch.Fill"/> repeats the first triplets
    /// of the epoch. Default: <see cref="LastBatch.Short"/>.</param>
    /// <param name="shard">The share of one process among several: whole triplets. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="triplets"/> is null.</exception>
    /// <exception cref="ArgumentException">There is no triplet, a row is negative, a batch or an epoch is larger than an array can be, or
    /// the batch cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive, the enum has no such value, or the batch is larger than the
    /// data and must not be short.</exception>
    public FixedTripletsSampler(IReadOnlyList<(long Anchor, long Positive, long Negative)> triplets, int tripletsPerBatch,
        LastBatch lastBatch = LastBatch.Short, SamplerShard shard = default, ulong seed = 0)
        : base(SamplerSize.Product("a batch", nameof(tripletsPerBatch), Guard.AtLeast(tripletsPerBatch, 1), 3), seed, shard, groupSize: 3)
    {
        ArgumentNullException.ThrowIfNull(triplets);
        if (triplets.Count == 0) throw new ArgumentException("triplets must not be empty.", nameof(triplets));
        foreach (var triplet in triplets)
            if (triplet.Anchor < 0 || triplet.Positive < 0 || triplet.Negative < 0)
                throw new ArgumentException($"triplets must hold row numbers of 0 or greater, got {triplet}.", nameof(triplets));
        Guard.AtLeast(triplets.Count, Guard.Defined(lastBatch) == LastBatch.Short ? 1 : tripletsPerBatch, nameof(triplets));
        this.triplets = [.. triplets];
        LastBatch = lastBatch;
        length = lastBatch.LengthOf(SamplerSize.Product("an epoch", nameof(triplets), triplets.Count, 3), WholeBatchSize);
    }

    /// <summary>The number of triplets.</summary>
    public int Triplets => triplets.Length;

    /// <summary>What happens to triplets that do not fill a batch.</summary>
    public LastBatch LastBatch { get; }

    /// <summary>
    /// Creates a sampler over triplets that are drawn once from labels: two classes at random, an anchor and a positive of the first class
    /// (the same row twice if the class has no other), and a negative of the second.
    /// </summary>
    /// <param name="labels">The class of each row; at least two classes.</param>
    /// <param name="count">The number of triplets, at least 1.</param>
    /// <param name="tripletsPerBatch">The number of triplets of a batch of all processes together, at least 1.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of the triplets and of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="labels"/> is null.</exception>
    /// <exception cref="ArgumentException">There are fewer than two classes, a batch or an epoch is larger than an array can be, or the
    /// batch cannot be divided among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public static FixedTripletsSampler FromLabels(IReadOnlyList<long> labels, int count, int tripletsPerBatch, SamplerShard shard = default,
        ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Guard.AtLeast(count, 1);
        var (starts, rows, _) = Groups.Of(labels, minimum: 1);
        var classes = starts.Length - 1;
        if (classes < 2)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"labels must hold at least 2 classes, got {classes}."),
                nameof(labels));
        var random = SeededRandom.ForStream(seed, ulong.MaxValue);
        var drawn = new (long, long, long)[count];
        for (var i = 0; i < count; i++)
        {
            var own = random.NextInt(classes);
            var other = random.NextInt(classes - 1);
            if (other >= own) other++;
            var size = starts[own + 1] - starts[own];
            var anchor = random.NextInt(size);
            var positive = size == 1 ? anchor : (anchor + 1 + random.NextInt(size - 1)) % size;
            var negative = starts[other] + random.NextInt(starts[other + 1] - starts[other]);
            drawn[i] = (rows[starts[own] + anchor], rows[starts[own] + positive], rows[negative]);
        }
        return new(drawn, tripletsPerBatch, shard: shard, seed: seed);
    }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var order = new int[triplets.Length];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        RandomOf(epoch).Shuffle(order.AsSpan());
        var drawn = new long[length];
        for (var i = 0; i < drawn.Length / 3; i++)
            (drawn[3 * i], drawn[3 * i + 1], drawn[3 * i + 2]) = triplets[order[i % order.Length]];
        return Share(drawn);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(length);
    }
}
