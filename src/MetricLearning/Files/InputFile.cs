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
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = File.OpenRead(path);     // its own errors name the path
        return Naming(path, () => read(stream));
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
