using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Rows drawn one by one with replacement, each in proportion to a weight of its own.</summary>
/// <remarks>
/// PyTorch's WeightedRandomSampler; with <see cref="WeightsOf"/> over what a miner picked in the whole data, TuplesToWeightsSampler of
/// pytorch-metric-learning.
/// </remarks>
public sealed class WeightedSampler : Sampler
{
    private readonly double[] upTo;    // the weights of rows 0..i
    private readonly int batches;

    /// <summary>A sampler over rows with these weights.</summary>
    /// <param name="weights">The weight of each row, 0 or greater and finite; not all 0.</param>
    /// <param name="batchSize">Rows of a batch (of all processes together).</param>
    /// <param name="batchesPerEpoch">How many batches make an epoch; by default rows / batch size, at least 1.</param>
    /// <param name="shard">The share of one process among several.</param>
    /// <param name="seed">The seed of all epochs.</param>
    /// <exception cref="ArgumentException">There is no weight above 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite, or a number is not positive.</exception>
    public WeightedSampler(IReadOnlyList<double> weights, int batchSize, int? batchesPerEpoch = null, SamplerShard shard = default,
        ulong seed = 0)
        : base(batchSize, seed, shard)
    {
        ArgumentNullException.ThrowIfNull(weights);
        upTo = new double[weights.Count];
        for (var i = 0; i < upTo.Length; i++) upTo[i] = (i == 0 ? 0 : upTo[i - 1]) + Guard.NotNegative(weights[i], nameof(weights));
        if (upTo.Length == 0 || upTo[^1] == 0) throw new ArgumentException("weights must hold one above 0, got none.", nameof(weights));
        batches = batchesPerEpoch is { } given ? Guard.AtLeast(given, 1, nameof(batchesPerEpoch)) : Math.Max(1, upTo.Length / batchSize);
    }

    /// <summary>How often each row is in tuples over rows and columns of the same data, ÷ the most: [N].</summary>
    /// <exception cref="ArgumentException">The tuples meet other references.</exception>
    public static double[] WeightsOf(Tuples tuples)
    {
        ArgumentNullException.ThrowIfNull(tuples);
        if (tuples.Rows != tuples.Columns)
            throw new ArgumentException($"tuples must be over rows and columns of one set, got {tuples.Rows} and {tuples.Columns}.",
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
        return ShareOf(checked(batches * WholeBatchSize));
    }

    /// <summary>The first row whose sum is above the value: rows of weight 0 never are.</summary>
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
