using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Draws rows one by one with replacement, each in proportion to its own weight.</summary>
/// <remarks>
/// It works like PyTorch's WeightedRandomSampler. With the weights that <see cref="WeightsOf"/> gives for the tuples that a miner picked in
/// the whole dataset, it is the TuplesToWeightsSampler of pytorch-metric-learning.
/// </remarks>
public sealed class WeightedSampler : Sampler
{
    private readonly double[] upTo;    // the sum of the weights of rows 0..i
    private readonly int batches;

    /// <summary>Creates a sampler over rows with these weights.</summary>
    /// <param name="weights">The weight of each row, 0 or greater and finite; not all 0.</param>
    /// <param name="batchSize">The number of rows of a batch of all processes together, at least 1.</param>
    /// <param name="batchesPerEpoch">The number of batches of an epoch, at least 1. Default: rows / batch size, at least 1.</param>
    /// <param name="shard">The share of one process among several. Default: one process that takes the whole batch.</param>
    /// <param name="seed">The seed of all epochs. Default: 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="weights"/> is null.</exception>
    /// <exception cref="ArgumentException">No weight is above 0, an epoch is larger than an array can be, or the batch cannot be divided
    /// among the processes evenly.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite, or a number is not positive.</exception>
    public WeightedSampler(IReadOnlyList<double> weights, int batchSize, int? batchesPerEpoch = null, SamplerShard shard = default,
        ulong seed = 0)
        : base(batchSize, seed, shard)
    {
        ArgumentNullException.ThrowIfNull(weights);
        upTo = new double[weights.Count];
        var largest = weights.Select(weight => Guard.NotNegative(weight, nameof(weights))).DefaultIfEmpty().Max();
        // If the sum of the weights would overflow, they are divided by a power of two, which changes no ratio.
        var scale = largest > double.MaxValue / Math.Max(1, upTo.Length) ? Math.ScaleB(1, -32) : 1;
        for (var i = 0; i < upTo.Length; i++) upTo[i] = (i == 0 ? 0 : upTo[i - 1]) + weights[i] * scale;
        if (upTo.Length == 0 || upTo[^1] == 0) throw new ArgumentException("weights must not all be 0.", nameof(weights));
        batches = SamplerSize.Batches(batchesPerEpoch, upTo.Length, batchSize);
    }

    /// <summary>The number of tuples that contain each row, divided by the largest of these counts.</summary>
    /// <param name="tuples">Tuples whose rows and columns are the same set of N.</param>
    /// <returns>[N], in [0, 1].</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tuples"/> is null.</exception>
    /// <exception cref="ArgumentException">The columns of the tuples are another set than the rows.</exception>
    public static double[] WeightsOf(Tuples tuples)
    {
        ArgumentNullException.ThrowIfNull(tuples);
        if (tuples.Rows != tuples.Columns)
            throw new ArgumentException($"tuples must have the same set as rows and columns, got {tuples.Rows} and {tuples.Columns}.",
                nameof(tuples));
        using var scope = NewDisposeScope();
        return tuples.Shares(ScalarType.Float64).cpu().data<double>().ToArray();
    }

    /// <inheritdoc/>
    public override long[] Draw(int epoch)
    {
        var random = RandomOf(epoch);
        var drawn = new long[batches * WholeBatchSize];
        for (var i = 0; i < drawn.Length; i++) drawn[i] = RowAt(random.NextDouble() * upTo[^1]);
        return Share(drawn);
    }

    /// <inheritdoc/>
    public override int CountIn(int epoch)
    {
        Guard.AtLeast(epoch, 0);
        return ShareOf(batches * WholeBatchSize);
    }

    /// <summary>The first row whose sum is above the value. It is never a row of weight 0.</summary>
    private int RowAt(double value)
    {
        var (low, high) = (0, upTo.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (upTo[middle] > value) high = middle;
            else low = middle + 1;
        }
        return low;
    }
}
