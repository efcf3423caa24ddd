using MetricLearning.Tests;

namespace EmbeddingService.Tests;

/// <summary>Tests the command line as a user meets it.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--port must be from 0 to 65535.", "--port", "65536")]
    [InlineData("--port must be from 1 to 65535.", "check", "--port", "65536")]
    [InlineData("--port must be from 1 to 65535.", "check", "--port", "0")]
    [InlineData("--port must be from 1 to 65535.", "load", "--pictures", "PICTURE", "--port", "-1")]
    [InlineData("--size must have two numbers above 0.", "--size", "8", "0")]
    [InlineData("--threads must be from 0 to 1024.", "--threads", "-1")]
    [InlineData("--max-bytes must be at least 1.", "--max-bytes", "0")]
    [InlineData("--port takes a whole number, got http.", "--port", "http")]
    [InlineData("--port takes a whole number, got http.", "check", "--port", "http")]
    [InlineData("--clients takes a whole number, got all.", "load", "--pictures", "PICTURE", "--clients", "all")]
    [InlineData("--size takes whole numbers, got a b.", "--size", "a", "b")]
    [InlineData("--threads takes a whole number, got ''.", "--threads", "")]
    [InlineData("--max-bytes takes a whole number, got 1G.", "--max-bytes", "1G")]
    public void AWrongNumber_IsRefused_WithTheNameOfItsOption(string message, params string[] arguments)
    {
        var picture = typeof(CommandLineTests).Assembly.Location;        // any file that exists
        var (code, _, error) = SampleProgram.Run("EmbeddingService", [.. arguments.Select(text => text == "PICTURE" ? picture : text)]);
        Assert.Equal(2, code);
        Assert.StartsWith($"error: {message}", error, StringComparison.Ordinal);
    }

    [Theory, InlineData("--model"), InlineData("load", "--pictures")]
    public void AFileThatIsMissing_IsNamedInFull(params string[] arguments)
    {
        var (code, _, error) = SampleProgram.Run("EmbeddingService", [.. arguments, "missing.onnx"]);
        Assert.Equal(2, code);
        Assert.StartsWith($"error: {arguments[^1]}: there is no file {Path.GetFullPath("missing.onnx")}.", error, StringComparison.Ordinal);
    }
}
