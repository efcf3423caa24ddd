using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>No loss escapes the laws: each public loss has a row in a table, and the laws run over the tables.</summary>
[LeavesNoTensors]
public class EveryLossTests
{
    private static readonly Type[] exported = typeof(MetricLoss).Assembly.GetExportedTypes();

    /// <summary>Modules of one of the bases, modules that are called a loss, and modules that a sum asks for a report.</summary>
    private static IEnumerable<Type> Losses => exported.Where(type => typeof(nn.Module).IsAssignableFrom(type) && !type.IsAbstract
        && (type.IsSubclassOf(typeof(MetricLoss)) || type.IsSubclassOf(typeof(LogitLoss)) || type.IsSubclassOf(typeof(ViewLoss))
            || type.Name.Contains("Loss", StringComparison.Ordinal) || typeof(IReportedLoss).IsAssignableFrom(type)));

    [Fact]
    public void IsInTheTableOfTheTests()
    {
        var tested = new HashSet<Type>();
        foreach (string name in LossTable.Names.Select(row => row.Data))
        {
            using var loss = LossTable.Create(name);
            tested.Add(loss.GetType());
        }
        foreach (var name in ModuleTable.Names)
        {
            using var module = ModuleTable.Create(name);
            tested.Add(module.GetType());
        }
        Assert.Empty(Losses.Except(tested));
    }

    /// <summary>Whatever <c>forward</c> takes, <c>call</c> takes.</summary>
    [Fact]
    public void Call_TakesWhatForwardTakes()
    {
        static IEnumerable<string> Of(Type type, string name) => type.GetMethods().Where(method => method.Name == name)
            .Select(method =>
                $"{type.Name}({string.Join(", ", method.GetParameters().Select(parameter => parameter.ParameterType.Name))})");
        Assert.Empty(Losses.SelectMany(type => Of(type, "forward").Except(Of(type, "call"))));
    }

    /// <summary>A sum adds up losses of labels; one of two views does not fit by its type.</summary>
    [Fact]
    public void ALossOfViews_IsNoPartOfASum() =>
        Assert.DoesNotContain(Losses, type => type.IsSubclassOf(typeof(ViewLoss)) && type.IsAssignableTo(
            typeof(LossSum).GetMethod(nameof(LossSum.Add))!.GetParameters()[1].ParameterType));
}
