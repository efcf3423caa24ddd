using System.Runtime.Versioning;

namespace MetricLearning;

/// <summary>The files that this process has loaded libraries from (Linux).</summary>
[SupportedOSPlatform("linux")]
internal static class LoadedFiles
{
    /// <summary>Finds the loaded files of libraries with these names, such as libtorch.so; a file libtorch.so.2.6 counts as one of that
    /// name.</summary>
    public static IReadOnlyList<string> Of(IEnumerable<string> names)
    {
        var wanted = names.ToList();
        return Where(file => wanted.Any(name => file == name || file.StartsWith(name + ".", StringComparison.Ordinal)));
    }

    /// <summary>Finds the loaded files whose name begins with a text, such as libgomp.</summary>
    public static IReadOnlyList<string> StartingWith(string text) => Where(file => file.StartsWith(text, StringComparison.Ordinal));

    private static IReadOnlyList<string> Where(Func<string, bool> isWanted) =>
        [.. File.ReadLines("/proc/self/maps").Select(line => line.IndexOf('/') is var path and >= 0 ? line[path..] : "")
            .Where(path => isWanted(Path.GetFileName(path))).Distinct()];

    /// <summary>The file and the version of its libtorch, from its name or from the file build-version that PyTorch puts above its
    /// libraries.</summary>
    public static string WithVersion(string file)
    {
        const string ending = ".so.";
        var name = Path.GetFileName(file);
        var build = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(file)!, "..", "build-version"));
        var version = name.IndexOf(ending, StringComparison.Ordinal) is var at and >= 0 ? name[(at + ending.Length)..]
            : File.Exists(build) ? MessageText.Excerpt(File.ReadLines(build).FirstOrDefault("")) : "";
        return version.Length > 0 ? $"{file} (version {version})" : $"{file} (unknown version)";
    }
}
