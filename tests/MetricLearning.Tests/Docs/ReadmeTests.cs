namespace MetricLearning.Tests;

/// <summary>What the documents show is what the build compiles.</summary>
public class ReadmeTests
{
    [Fact]
    public void TheQuickStart_IsTheSampleThatIsBuilt()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "MetricLearning.sln"))) root = root.Parent!;
        var readme = File.ReadAllText(Path.Combine(root.FullName, "README.md")).ReplaceLineEndings("\n");
        var sample = File.ReadAllText(Path.Combine(root.FullName, "samples", "QuickStart", "Program.cs")).ReplaceLineEndings("\n");
        Assert.Contains("```csharp\n" + sample + "```\n", readme, StringComparison.Ordinal);
    }
}
