namespace MetricLearning.Testing;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    /// <summary>The folder of MetricLearning.sln; null if the tests are not inside it.</summary>
    public static string? Folder { get; } = Find();

    /// <summary>The folder of MetricLearning.sln.</summary>
    public static string Root =>
        Folder ?? throw new DirectoryNotFoundException($"There is no MetricLearning.sln above {AppContext.BaseDirectory}.");

    /// <summary>A file's text, with line ends of one kind.</summary>
    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path])).ReplaceLineEndings("\n");

    private static string? Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MetricLearning.sln"))) folder = folder.Parent;
        return folder?.FullName;
    }
}
