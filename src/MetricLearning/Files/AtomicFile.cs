namespace MetricLearning;

/// <summary>Writes files atomically: if the program or the machine stops, a file is either completely the old or completely the new
/// one.</summary>
/// <remarks>
/// <para>A target that is a link stays a link: the file that it points to is replaced. The new file has the Unix permissions of the old
/// one.</para>
/// <para>A killed process leaves its temporary file behind. The next call with the same target deletes it. A process locks its temporary
/// file while it writes, so that file is never deleted. If the file system has no locks, nothing is deleted.</para>
/// </remarks>
internal static class AtomicFile
{
    private const string Ending = ".tmp";
    private static readonly int idLength = Guid.Empty.ToString("N").Length;

    /// <summary>The age at which an empty file counts as left behind. A file is empty between its creation and its lock.</summary>
    private static readonly TimeSpan beforeTheLock = TimeSpan.FromMinutes(1);

    /// <summary>Writes to a temporary file next to the target, flushes it to the disk, and then renames it to the target.</summary>
    /// <param name="path">The target. A device of the system, such as <c>/dev/stdout</c>, is written directly.</param>
    /// <param name="write">Writes the contents.</param>
    /// <exception cref="IOException">The file cannot be written. Where its folder is missing (<see cref="DirectoryNotFoundException"/>) or
    /// the disk is full, the message names the target, which is as it was, and says what to do.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        if (IsDevice(path))
        {
            using var device = new FileStream(path, FileMode.Open, FileAccess.Write);
            write(device);
            return;
        }
        if (Directory.Exists(path)) throw new IOException($"{path} is a folder, so no file can be written there.");
        var target = FileBehind(path);
        var temporary = $"{target}.{Guid.NewGuid():N}{Ending}";
        using var stream = Create(temporary, path);
        try
        {
            DeleteLeftOvers(target, temporary);
            if (!OperatingSystem.IsWindows() && File.Exists(target))
                File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(target));
            write(stream);
            stream.Flush(flushToDisk: true);
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e)
        {
            Abandon(stream);
            File.Delete(temporary);
            if (FullDisk.Is(e)) throw FullDisk.Named(path, e);
            throw;
        }
    }

    /// <summary>Creates the temporary file. Errors name the target, because the user does not know the temporary file. All are of the
    /// documented type.</summary>
    private static FileStream Create(string temporary, string path)
    {
        // The lock lasts until the file has its final name. Windows renames an open file only if it is opened with FileShare.Delete.
        var share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;
        var folder = Path.GetDirectoryName(temporary);
        try
        {
            return new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, share);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: the program has no permission to create files in the folder {folder}.", e);
        }
        catch (IOException e)
        {
            throw !Directory.Exists(folder) ? new DirectoryNotFoundException($"{path}: there is no folder {folder}. Create it first.", e)
                : FullDisk.Is(e) ? FullDisk.Named(path, e)
                : e is PathTooLongException
                    ? new PathTooLongException($"{path}: the name is too long for the temporary file that is written first.", e)
                : new IOException($"{path}: no file can be created in the folder {folder}: {e.Message}", e) { HResult = e.HResult };
        }
    }

    /// <summary>Closes a stream that cannot write what it has left.</summary>
    private static void Abandon(FileStream stream)
    {
        try
        {
            stream.Dispose();
        }
        catch (Exception e) when (e is IOException || FullDisk.Is(e))
        {
            // What it could not write is of no use.
        }
    }

    private static bool IsDevice(string path) =>
        Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal) && new FileInfo(path) is { Exists: true, Length: 0 };

    /// <summary>The path itself, or the end of the chain of links that begins there.</summary>
    private static string FileBehind(string path)
    {
        var file = new FileInfo(Path.GetFullPath(path));
        return file.LinkTarget is null ? file.FullName : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
    }

    private static void DeleteLeftOvers(string target, string own)
    {
        if (!IsLocked(own)) return;     // this file system has no locks
        var start = Path.GetFileName(target) + ".";
        foreach (var file in new FileInfo(target).Directory!.EnumerateFiles("*" + Ending))
            if (file.Name.Length == start.Length + idLength + Ending.Length && file.Name.StartsWith(start, StringComparison.Ordinal)
                && Guid.TryParseExact(file.Name.AsSpan(start.Length, idLength), "N", out _)
                && file.Exists && (file.Length > 0 || DateTime.UtcNow - file.LastWriteTimeUtc > beforeTheLock)
                && !IsLocked(file.FullName)) file.Delete();
    }

    /// <summary>Whether a process has the file open in <see cref="Write"/>, or this cannot be determined.</summary>
    private static bool IsLocked(string path)
    {
        try
        {
            using var probe = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None);
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
