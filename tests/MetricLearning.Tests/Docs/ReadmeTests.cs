using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Tests that the code in the READMEs is the code that the build compiles, with the packages of this version.</summary>
public partial class ReadmeTests
{
    [Theory, InlineData("README.md"), InlineData("README.zh-CN.md")]
    public void TheQuickStart_IsTheSampleThatIsBuilt(string readme)
    {
        var packages = $"#:package MetricLearning@{Number("Directory.Build.props", VersionOfAll())}\n"
            + $"#:package libtorch-cpu-linux-x64@{Number("Directory.Packages.props", VersionOfBackend())}\n";
        var program = packages + Repository.Read("samples", "QuickStart", "Program.cs");
        Assert.Contains("```csharp\n" + program + "```\n", Repository.Read(readme), StringComparison.Ordinal);
    }

    private static string Number(string file, Regex pattern) => pattern.Match(Repository.Read(file)).Groups[1].Value;

    [GeneratedRegex("<Version>(.*)</Version>")]
    private static partial Regex VersionOfAll();

    [GeneratedRegex("Include=\"libtorch-cpu-linux-x64\" Version=\"(.*?)\"")]
    private static partial Regex VersionOfBackend();
}
