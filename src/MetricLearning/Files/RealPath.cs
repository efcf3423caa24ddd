namespace MetricLearning;

/// <summary>Resolves symbolic links in the paths of folders.</summary>
internal static class RealPath
{
    /// <summary>The absolute path of a folder without symbolic links in any of its parts.</summary>
    public static string Of(string folder)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Path.GetDirectoryName(path) is not { } parent) return path;
        var real = new DirectoryInfo(Path.Combine(Of(parent), Path.GetFileName(path)));
        return real.ResolveLinkTarget(returnFinalTarget: true) is { } target ? Of(target.FullName) : real.FullName;
    }

    /// <summary>Whether a folder is the other one or contains it. Both are absolute paths.</summary>
    public static bool Contains(string folder, string other) => WithSeparator(other).StartsWith(WithSeparator(folder),
        StringComparison.Ordinal);

    private static string WithSeparator(string folder) =>
        Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar;
}
