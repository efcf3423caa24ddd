namespace MetricLearning.Architecture.Tests;

/// <summary>Collects the faults that a rule finds, and lists all of them at once.</summary>
internal static class Faults
{
    public static void None(IEnumerable<string> faults)
    {
        var list = faults.ToList();
        Assert.True(list.Count == 0, $"{list.Count}:\n{string.Join('\n', list)}");
    }
}
