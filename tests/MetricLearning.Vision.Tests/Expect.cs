namespace MetricLearning.Vision.Tests;

internal static class Expect
{
    /// <summary>Checks that the action throws this kind of error and that its message contains this text.</summary>
    public static void Error<TException>(string text, Func<object?> action) where TException : Exception =>
        Assert.Contains(text, Assert.Throws<TException>(action).Message, StringComparison.Ordinal);
}
