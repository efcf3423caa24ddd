namespace MetricLearning;

/// <summary>What becomes of the rest of an epoch that does not fill a batch.</summary>
public enum LastBatch
{
    /// <summary>It is dropped: every batch is full.</summary>
    Drop,

    /// <summary>It makes one smaller batch at the end.</summary>
    Short,

    /// <summary>It is filled up with rows that were drawn in this epoch already: every batch is full and nothing is dropped.</summary>
    Fill,
}

/// <summary>What that does to the length of an epoch.</summary>
internal static class LastBatchLength
{
    /// <summary>The length of an epoch over so many rows in batches of this size.</summary>
    public static int LengthOf(this LastBatch lastBatch, int rows, int batchSize) => lastBatch switch
    {
        LastBatch.Drop => rows - rows % batchSize,
        LastBatch.Short => rows,
        _ => checked((rows + batchSize - 1) / batchSize * batchSize),
    };
}
