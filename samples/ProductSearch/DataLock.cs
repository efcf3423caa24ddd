namespace ProductSearch;

/// <summary>Keeps the folder of the data for one running program. A second one with another network would delete the collections of the
/// first.</summary>
internal sealed class DataLock : IDisposable
{
    private readonly FileStream file;

    /// <exception cref="UserErrorException">Another program uses the folder.</exception>
    public DataLock(Settings settings)
    {
        var path = Path.Combine(settings.Data.FullName, "in-use");
        try
        {
            // The system frees the file when the program ends, also if it is killed.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new UserErrorException($"{settings.Data.FullName} is in use ({e.Message}). Stop the other program, or name another "
                + "folder by --data.");
        }
    }

    public void Dispose() => file.Dispose();
}
