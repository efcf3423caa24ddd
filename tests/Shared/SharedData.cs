namespace MetricLearning.Testing;

/// <summary>Reference cases and real pictures in a folder next to the checkout. A user's clone has none, so tests that need them are
/// skipped and say so.</summary>
public static class SharedData
{
    /// <summary>The folder; null if there is none.</summary>
    public static string? Root { get; } = Find();

    /// <summary>The path of a file or folder in it. Skips the calling test if it does not exist.</summary>
    public static string Require(params string[] parts)
    {
        var path = Root is null ? null : Path.Combine([Root, .. parts]);
        Assert.SkipUnless(path is not null && (File.Exists(path) || Directory.Exists(path)),
            $"needs {string.Join('/', parts)} in ../shared, which is not here");
        return path!;
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("METRICLEARNING_SHARED") is { Length: > 0 } given) return Directory.Exists(given) ? given
            : null;
        if (Repository.Folder is not { } repository) return null;
        var shared = Path.GetFullPath(Path.Combine(repository, "..", "shared"));
        return Directory.Exists(shared) ? shared : null;
    }
}
