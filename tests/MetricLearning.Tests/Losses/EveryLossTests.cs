using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>No loss escapes the laws.</summary>
[LeavesNoTensors]
public class EveryLossTests
{
    private static IEnumerable<Type> Losses =>
        typeof(MetricLoss).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(MetricLoss)) && !type.IsAbstract);

    [Fact]
    public void IsInTheTableOfTheTests()
    {
        var tested = new HashSet<Type>();
        foreach (var row in LossTable.Names)
        {
            using var loss = LossTable.Create(row.Data);
            tested.Add(loss.GetType());
        }
        Assert.Empty(Losses.Except(tested));
    }
}
