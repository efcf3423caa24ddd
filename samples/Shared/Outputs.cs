namespace MetricLearning.Samples;

/// <summary>Checks, before the work starts, that the results can be written.</summary>
internal static class Outputs
{
    /// <summary>Checks that files can be written. Missing folders are created when the files are written.</summary>
    /// <exception cref="UserErrorException">One of them cannot be written.</exception>
    public static void Check(params IEnumerable<FileInfo?> files)
    {
        foreach (var file in files.OfType<FileInfo>())
        {
            if (Directory.Exists(file.FullName)) throw new UserErrorException($"{file.FullName} is a folder; name a file to write.");
            if (!file.FullName.StartsWith("/dev/", StringComparison.Ordinal)) Check(file.FullName, Path.GetDirectoryName(file.FullName)!);
        }
    }

    /// <summary>Checks that files can be written into a folder, which may be missing.</summary>
    /// <exception cref="UserErrorException">They cannot.</exception>
    public static void Check(DirectoryInfo folder) => Check(folder.FullName, folder.FullName);

    private static void Check(string output, string folder)
    {
        var there = folder;
        while (!Path.Exists(there) && Path.GetDirectoryName(there) is { } parent) there = parent;
        if (File.Exists(there)) throw new UserErrorException($"{output} cannot be written: {there} is a file, not a folder.");
        try
        {
            var probe = Path.Combine(there, $".{Guid.NewGuid():N}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose)) { }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"{output} cannot be written: {e.Message}");
        }
    }
}
