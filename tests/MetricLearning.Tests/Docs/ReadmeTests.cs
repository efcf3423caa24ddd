namespace MetricLearning.Tests;

/// <summary>What the documents show is what the build compiles.</summary>
public class ReadmeTests
{
    [Fact]
    public void TheQuickStart_IsTheSampleThatIsBuilt()
    {
        var readme = File.ReadAllText(Path.Combine(Page.Root, "README.md")).ReplaceLineEndings("\n");
        var sample = File.ReadAllText(Path.Combine(Page.Root, "samples", "QuickStart", "Program.cs")).ReplaceLineEndings("\n");
        Assert.Contains("```csharp\n" + sample + "```\n", readme, StringComparison.Ordinal);
    }
}
