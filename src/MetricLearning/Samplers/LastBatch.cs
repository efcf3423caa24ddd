namespace MetricLearning;

/// <summary>What happens to the rest of an epoch that does not fill a batch.</summary>
public enum LastBatch
{
    /// <summary>It is dropped: every batch is full.</summary>
    Drop,

    /// <summary>It makes one smaller batch at the end. In <see cref="IdentityEpoch.AllImages"/> this batch has one group of each identity
    /// that has any left. Further groups of these identities are dropped.</summary>
    Short,

    /// <summary>It is filled with rows that this epoch has already drawn: every batch is full, and nothing is dropped.</summary>
    Fill,
}

/// <summary>How <see cref="LastBatch"/> changes the length of an epoch.</summary>
internal static class LastBatchLength
{
    /// <summary>The length of an epoch of <paramref name="rows"/> rows, at least 1, in batches of this size.</summary>
    /// <exception cref="ArgumentException">The filled epoch is larger than an array can be.</exception>
    public static int LengthOf(this LastBatch lastBatch, int rows, int batchSize) => lastBatch switch
    {
        LastBatch.Drop => rows - rows % batchSize,
        LastBatch.Short => rows,
        _ => SamplerSize.Product("an epoch", nameof(lastBatch), rows / batchSize + (rows % batchSize > 0 ? 1 : 0), batchSize),
    };
}
