namespace MetricLearning.Tests;

/// <summary>The repository's documents.</summary>
internal static class Document
{
    /// <summary>A file's text, with line ends of one kind.</summary>
    public static string Read(params string[] path)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "MetricLearning.sln"))) root = root.Parent!;
        return File.ReadAllText(Path.Combine([root.FullName, .. path])).ReplaceLineEndings("\n");
    }
}
