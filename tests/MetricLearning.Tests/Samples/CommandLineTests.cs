namespace MetricLearning.Tests;

/// <summary>Tests PersonReId's messages about a wrong command line, and the width of its help.</summary>
public class CommandLineTests
{
    [Theory]
    [InlineData("There is no command or option trian. Did you mean train?", "trian")]
    [InlineData("There is no option --epoch. Did you mean --epochs?", "train", "--data", ".", "--epoch", "3")]
    [InlineData("--epochs takes a whole number, got abc.", "train", "--data", ".", "--epochs", "abc")]
    [InlineData("--lr takes a number, got fast.", "train", "--data", ".", "--lr", "fast")]
    [InlineData("--arch: there is no resnet19. Near names: resnet18, ", "train", "--data", ".", "--arch", "resnet19")]
    [InlineData("--weights imagenet needs --arch cntk_resnet18, got resnet50.", "train", "--data", ".", "--weights", "imagenet", "--arch",
        "resnet50")]
    public void AMistake_IsReportedInOneLine(string message, params string[] arguments)
    {
        var (code, _, error) = Run(arguments);
        Assert.Equal(2, code);
        Assert.Contains($"error: {message}", error, StringComparison.Ordinal);
        Assert.Equal(2, error.TrimEnd().Split('\n').Length);        // the error, and the line that says how to get help
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("train", "--help")]
    [InlineData("evaluate", "--help")]
    public void Help_IsNotWiderThanAPage(params string[] arguments)
    {
        var (code, output, error) = Run(arguments);
        Assert.True(code == 0, error);
        Assert.Empty(error);
        Assert.DoesNotContain(output.Split('\n'), line => line.Length > 100);
        Assert.Contains("--", output, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(params string[] arguments) =>
        SampleProgram.Run("PersonReId", arguments);
}
