namespace MetricLearning;

/// <summary>Writes files so that a file is completely the old or completely the new one, whenever the program or the machine
/// stops.</summary>
internal static class AtomicFile
{
    /// <summary>Writes to a file beside the target, flushes it to the disk, and only then renames it over the target.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var temporary = $"{target}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
