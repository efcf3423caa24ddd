namespace MetricLearning;

/// <summary>The memory that reading a file may take beside its bytes and its tensors: twice the file's size, and 32 MB. A file from a
/// stranger may ask for far more than it has.</summary>
internal sealed class MemoryBudget(long fileLength)
{
    private const long Fixed = 32 << 20;

    private long left = 2 * fileLength + Fixed;

    /// <summary>Pays for memory before it is taken.</summary>
    /// <exception cref="InvalidDataException">Too little is left.</exception>
    public void Spend(long bytes)
    {
        left -= bytes;
        if (left < 0) throw new InvalidDataException("The file asks for far more memory than its size explains.");
    }
}
