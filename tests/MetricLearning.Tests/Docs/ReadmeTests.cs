using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>What the documents show is what the build compiles.</summary>
public class ReadmeTests
{
    [Fact]
    public void TheQuickStart_IsTheSampleThatIsBuilt() =>
        Assert.Contains("```csharp\n" + Repository.Read("samples", "QuickStart", "Program.cs") + "```\n", Repository.Read("README.md"),
            StringComparison.Ordinal);
}
