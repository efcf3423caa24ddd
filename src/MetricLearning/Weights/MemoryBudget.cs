namespace MetricLearning;

/// <summary>The memory that reading a file may take in addition to its bytes and its tensors: twice the file's size plus 32 MB. An
/// untrusted file may ask for far more memory than its size justifies.</summary>
internal sealed class MemoryBudget(long fileLength)
{
    private const long Fixed = 32 << 20;

    private long left = 2 * fileLength + Fixed;

    /// <summary>Reserves memory before it is allocated.</summary>
    /// <exception cref="InvalidDataException">Too little is left.</exception>
    public void Spend(long bytes)
    {
        left -= bytes;
        if (left < 0) throw new InvalidDataException("The file asks for far more memory than its size explains.");
    }
}
