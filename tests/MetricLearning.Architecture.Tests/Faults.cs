namespace MetricLearning.Architecture.Tests;

/// <summary>Faults that a law finds: all of them are listed at once.</summary>
internal static class Faults
{
    public static void None(IEnumerable<string> faults)
    {
        var list = faults.ToList();
        Assert.True(list.Count == 0, $"{list.Count}:\n{string.Join('\n', list)}");
    }
}
