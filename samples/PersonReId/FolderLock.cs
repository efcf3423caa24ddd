namespace PersonReId;

/// <summary>Keeps a folder for one running program. It creates the folder if it is missing, and deletes it at the end if it is still
/// empty.</summary>
internal sealed class FolderLock : IDisposable
{
    private readonly string folder;
    private readonly FileStream file;

    /// <exception cref="UserErrorException">Another program uses the folder.</exception>
    public FolderLock(string folder)
    {
        this.folder = folder;
        var path = Path.Combine(folder, "in-use");
        Directory.CreateDirectory(folder);
        try
        {
            // The system frees the file when the program ends, also if it is killed.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new UserErrorException(
                $"{folder} is in use by another run ({e.Message}). Wait for its end or stop it, or take another --output.");
        }
    }

    public void Dispose()
    {
        file.Dispose();
        if (!Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
    }
}
