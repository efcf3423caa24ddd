using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that each public loss has a row in a table. The laws run over the tables, so they check every loss.</summary>
[LeavesNoTensors]
public class EveryLossTests
{
    private static readonly Type[] exported = typeof(MetricLoss).Assembly.GetExportedTypes();

    /// <summary>The losses are the modules with one of the base classes, the modules whose names contain "Loss", and the modules that
    /// report to a sum.</summary>
    private static IEnumerable<Type> Losses => exported.Where(type => typeof(nn.Module).IsAssignableFrom(type) && !type.IsAbstract
        && (type.IsSubclassOf(typeof(MetricLoss)) || type.IsSubclassOf(typeof(LogitLoss)) || TakesNoLabels(type)
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

    /// <summary><c>call</c> accepts the same arguments as <c>forward</c>.</summary>
    [Fact]
    public void Call_TakesWhatForwardTakes()
    {
        static IEnumerable<string> Of(Type type, string name) => type.GetMethods().Where(method => method.Name == name)
            .Select(method =>
                $"{type.Name}({string.Join(", ", method.GetParameters().Select(parameter => parameter.ParameterType.Name))})");
        Assert.Empty(Losses.SelectMany(type => Of(type, "forward").Except(Of(type, "call"))));
    }

    /// <summary>A sum adds losses that take labels. The type of a loss of two views or of graded pairs does not fit, so the compiler
    /// refuses it.</summary>
    [Fact]
    public void ALossWithoutLabels_CannotBePartOfASum() =>
        Assert.DoesNotContain(Losses, type => TakesNoLabels(type) && type.IsAssignableTo(
            typeof(LossSum).GetMethod(nameof(LossSum.Add))!.GetParameters()[1].ParameterType));

    private static bool TakesNoLabels(Type type) => type.IsSubclassOf(typeof(ViewLoss)) || type.IsSubclassOf(typeof(GradedPairLoss));
}
