using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>No loss escapes the laws or the documentation.</summary>
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

    [Fact]
    public void IsInTheTableOfTheDocumentation()
    {
        var page = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "losses.md"));
        Assert.All(Losses.Append(typeof(FocalLoss)).Append(typeof(LabelSmoothingCrossEntropyLoss)), type =>
             Assert.Contains($"| `{type.Name}` |", page, StringComparison.Ordinal));
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "MetricLearning.sln"))) folder = folder.Parent!;
        return folder.FullName;
    }
}
