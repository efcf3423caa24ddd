using MetricLearning.Tests;

namespace ProductSearch.Tests;

/// <summary>Tests the command line as a user meets it.</summary>
public sealed class CommandLineTests
{
    [Theory]
    [InlineData("--products must be from 0 to 9999.", "--products", "-1")]
    [InlineData("--port must be from 0 to 65535.", "--port", "65536")]
    [InlineData("--port takes a whole number, got http.", "--port", "http")]
    [InlineData("--products takes a whole number, got many.", "--products", "many")]
    public void AWrongValue_IsRefused_BeforeAnythingIsDone(string message, params string[] arguments)
    {
        var (code, _, error) = SampleProgram.Run("ProductSearch", arguments);
        Assert.Equal(2, code);
        Assert.StartsWith("error: ", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderThatIsMissing_IsNamedInFull()
    {
        var (code, _, error) = SampleProgram.Run("ProductSearch", "--photos", "missing");
        Assert.Equal(2, code);
        Assert.StartsWith($"error: --photos: there is no folder {Path.GetFullPath("missing")}.", error, StringComparison.Ordinal);
    }
}
