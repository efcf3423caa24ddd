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

    /// <summary>Checks that each output is a file of its own, and none of the inputs.</summary>
    /// <param name="outputs">Options and the files that they name; null for options that are not given.</param>
    /// <param name="inputs">Files that are read; null for those that are not given.</param>
    /// <exception cref="UserErrorException">An output would overwrite an input or another output.</exception>
    public static void CheckApart(IReadOnlyList<(string Option, FileInfo? File)> outputs, IEnumerable<string?> inputs)
    {
        var taken = inputs.OfType<string>().DistinctBy(Real).ToDictionary(Real, _ => "a file that is read");
        foreach (var (option, file) in outputs)
            if (file is not null && !file.FullName.StartsWith("/dev/", StringComparison.Ordinal)
                && !taken.TryAdd(Real(file.FullName), $"the file of {option}"))
                throw new UserErrorException($"{option} {file.FullName} would overwrite {taken[Real(file.FullName)]}; name another file.");
    }

    /// <summary>The full path of a file, or of the file to which a link leads.</summary>
    public static string Real(string path) => File.Exists(path)
        && File.ResolveLinkTarget(path, returnFinalTarget: true) is { } target ? target.FullName : Path.GetFullPath(path);

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
