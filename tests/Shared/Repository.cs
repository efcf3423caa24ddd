namespace MetricLearning.Testing;

/// <summary>The files of this repository.</summary>
internal static class Repository
{
    /// <summary>The folder of MetricLearning.sln.</summary>
    public static string Root { get; } = Find();

    /// <summary>A file's text, with line ends of one kind.</summary>
    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path])).ReplaceLineEndings("\n");

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "MetricLearning.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
