namespace MetricLearning.Vision.Tests;

internal static class Expect
{
    /// <summary>The action fails with this kind of error, and its message has this text.</summary>
    public static void Error<TException>(string text, Func<object?> action) where TException : Exception =>
        Assert.Contains(text, Assert.Throws<TException>(action).Message, StringComparison.Ordinal);
}
