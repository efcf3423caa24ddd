namespace MetricLearning.Search;

/// <summary>A packed file does not match the database. It will be rebuilt.</summary>
/// <param name="file">The number of the file.</param>
internal sealed class DamagedFileException(long file) : Exception("A packed file is damaged.")
{
    /// <summary>The number of the file.</summary>
    public long File => file;
}
