namespace MetricLearning.Testing;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    /// <summary>The folder of MetricLearning.sln; null if the tests are not inside it.</summary>
    public static string? Folder { get; } = Find();

    /// <summary>The folder of MetricLearning.sln.</summary>
    public static string Root =>
        Folder ?? throw new DirectoryNotFoundException($"There is no MetricLearning.sln above {AppContext.BaseDirectory}.");

    /// <summary>The folder of reference cases and real data: METRICLEARNING_SHARED names it, or else it is "shared" next to the repository.
    /// Null if there is none.</summary>
    public static string? Shared { get; } = Environment.GetEnvironmentVariable("METRICLEARNING_SHARED") is { Length: > 0 } given
        ? Existing(given) : Folder is null ? null : Existing(Path.GetFullPath(Path.Combine(Folder, "..", "shared")));

    /// <summary>A file's text, with line ends of one kind.</summary>
    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path])).ReplaceLineEndings("\n");

    private static string? Existing(string folder) => Directory.Exists(folder) ? folder : null;

    private static string? Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MetricLearning.sln"))) folder = folder.Parent;
        return folder?.FullName;
    }
}
