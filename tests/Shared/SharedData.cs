namespace MetricLearning.Testing;

/// <summary>Reference cases and real pictures in a folder next to the checkout. A user's clone has none, so tests that need them are
/// skipped and say so.</summary>
public static class SharedData
{
    /// <summary>The path of a file or folder in it. Skips the calling test if it does not exist.</summary>
    public static string Require(params string[] parts)
    {
        var path = Repository.Shared is { } shared ? Path.Combine([shared, .. parts]) : null;
        Assert.SkipUnless(path is not null && (File.Exists(path) || Directory.Exists(path)),
            $"needs {string.Join('/', parts)} in ../shared, which is not here");
        return path!;
    }
}
