using MetricLearning.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that parts that hold the parameters of a model say so if the model has been moved, which disposes these
/// parameters.</summary>
[LeavesNoTensors]
public class MovedModelTests
{
    /// <summary>TorchSharp enumerates the parameters anew at each step.</summary>
    [Fact]
    public void AnOptimizerOfAQueryThatGivesOthersNow_SaysToGiveAList()
    {
        using var model = nn.Sequential(("body", nn.Linear(2, 2)), ("head", nn.Linear(2, 2)));
        var freeze = new StagedFreeze(model, TrainingSpan.Iterations(1), ["body"]);
        var trained = model.parameters().Where(parameter => parameter.requires_grad);
        using var ofQuery = optim.Adam(trained, 0.1);
        using var ofList = optim.Adam([.. trained], 0.1);
        freeze.Step();
        Assert.Contains("make Adam after the move, and from a list", Assert.Throws<ObjectDisposedException>(ofQuery.SafeStep).Message,
            StringComparison.Ordinal);
        ofList.SafeStep();
    }

    [Fact]
    public void APartThatWasMadeBefore_SaysToMakeItAfterwards_AndChangesNothing()
    {
        using var model = nn.Sequential(("body", nn.Linear(2, 2)), ("head", nn.Linear(2, 2)));
        using var optimizer = optim.Adam(model.parameters(), 0.1);
        var freeze = new StagedFreeze(model, TrainingSpan.Iterations(1), ["body"]);
        var accumulation = new GradientAccumulation(model.parameters(), 2);
        Parameter[] old = [.. model.parameters()];
        using (NewDisposeScope()) accumulation.Backward(model.call(ones(1, 2)).sum());
        var states = new ITrainingState[] { freeze, accumulation };
        var saved = Array.ConvertAll(states, state => state is GradientAccumulation ? new Dictionary<string, double> { ["batches"] = 2 }
            : state.SaveState());
        Gradients.Drop(model);
        model.to(ScalarType.Float64);

        Assert.Contains("make Adam after the move", Assert.Throws<ObjectDisposedException>(optimizer.SafeStep).Message,
            StringComparison.Ordinal);
        Refused(freeze.Apply, "StagedFreeze");
        Refused(freeze.Step, "StagedFreeze");
        Refused(() => accumulation.Complete(), "GradientAccumulation");
        Refused(() =>
        {
            using var scope = NewDisposeScope();
            accumulation.Backward(model.call(ones(1, 2, dtype: ScalarType.Float64)).sum());
        }, "GradientAccumulation");
        foreach (var (state, numbers) in states.Zip(saved))
        {
            Refused(() => state.CheckState(numbers), state.GetType().Name);
            Refused(() => state.LoadState(numbers), state.GetType().Name);
        }
        Assert.Equal((0, true, 1), (freeze.Iteration, freeze.IsFrozen, accumulation.Pending));
        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));

        foreach (var call in new Action[]
        {
            () => GradientClipping.ByNorm(old, 1), () => GradientClipping.ByValue(old, 1), () => GradientScale.Divide(old, 2),
            () => _ = new GradientAccumulation(old, 2),
        })
            Assert.Contains("parameters must be in use, but the one at place 0 has been disposed",
                Assert.Throws<ArgumentException>("parameters", call).Message, StringComparison.Ordinal);

        static void Refused(Action call, string holder) => Assert.Contains($"A parameter of {holder} has been disposed. A model that is "
            + $"moved to another device or type gets new parameters: make {holder} after the move.",
            Assert.Throws<ObjectDisposedException>(call).Message, StringComparison.Ordinal);
    }
}
