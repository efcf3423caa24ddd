namespace MetricLearning;

/// <summary>Reads files so that every error names the file.</summary>
internal static class InputFile
{
    /// <summary>Opens a file, reads it, and closes it.</summary>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be opened or read; the message names it.</exception>
    /// <exception cref="InvalidDataException">The reader refuses the file; the message names it and says why.</exception>
    public static T Read<T>(string path, Func<FileStream, T> read)
    {
        using var stream = Open(path);
        return Naming(path, () => read(stream));
    }

    /// <summary>Opens a file.</summary>
    /// <exception cref="ArgumentException">The path is null or empty.</exception>
    /// <exception cref="IOException">The file cannot be opened, or it is a folder; the message names it.</exception>
    public static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        RefuseFolder(path);
        return File.OpenRead(path);     // its own errors name the path
    }

    /// <summary>Refuses a folder. The system would say that the access to it is denied.</summary>
    /// <exception cref="IOException">The path is that of a folder.</exception>
    public static void RefuseFolder(string path, string wanted = "a file")
    {
        if (Directory.Exists(path)) throw new IOException($"{path} is a folder, but {wanted} was expected.");
    }

    /// <summary>Runs an action on the contents of a file. If it fails, the file's path is put before the message, and text from the file in
    /// the message is kept short and printable. Errors of a file or folder that is missing keep their type; they name it already.</summary>
    public static T Naming<T>(string path, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path}: {MessageText.Lines(e.Message)}", e);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw new IOException($"{path}: {MessageText.Lines(e.Message)}", e);
        }
    }
}
