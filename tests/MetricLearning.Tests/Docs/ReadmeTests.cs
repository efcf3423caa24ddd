using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>The code that the README shows is the code that the build compiles.</summary>
public class ReadmeTests
{
    [Fact]
    public void TheQuickStart_IsTheSampleThatIsBuilt() =>
        Assert.Contains("```csharp\n" + Repository.Read("samples", "QuickStart", "Program.cs") + "```\n", Repository.Read("README.md"),
            StringComparison.Ordinal);
}
