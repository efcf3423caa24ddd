namespace MetricLearning.Samples;

/// <summary>Keeps a folder for one running program. It creates the folder if it is missing. A folder that it has created, and that is still
/// empty at the end, is deleted.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly string folder;
    private readonly bool isNew;
    private readonly FileStream file;

    /// <param name="folder">The folder.</param>
    /// <param name="option">The option that names the folder.</param>
    /// <exception cref="UserErrorException">Another program uses the folder.</exception>
    public FolderLock(string folder, string option)
    {
        (this.folder, isNew) = (folder, !Directory.Exists(folder));
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "in-use");
        try
        {
            // The system frees the file when the program ends, also if it is killed.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new UserErrorException($"{folder} is in use by another program ({e.Message}). Stop that program or wait for its end, or "
                + $"name another folder by {option}.");
        }
    }

    public void Dispose()
    {
        file.Dispose();
        if (isNew && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
    }
}
