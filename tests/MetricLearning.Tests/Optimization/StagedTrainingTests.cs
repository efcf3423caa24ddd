using MetricLearning.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests temporary freezing, groups of parameters, and a center loss with an optimizer of its own.</summary>
[LeavesNoTensors]
public class StagedTrainingTests
{
    private static nn.Module<Tensor, Tensor> Model() => nn.Sequential(
        ("body", nn.Sequential(("fc", nn.Linear(3, 4)), ("bn", nn.BatchNorm1d(4)))), ("body2", nn.Linear(4, 4)), ("head", nn.Linear(4, 2)));

    private static double[] Weights(nn.Module model, string part)
    {
        using var scope = NewDisposeScope();
        return [.. model.state_dict().Where(entry => entry.Key.StartsWith(part, StringComparison.Ordinal))
            .SelectMany(entry => entry.Value.detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray())];
    }

    private static void Step(nn.Module<Tensor, Tensor> model, optim.Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        model.call(rand(5, 3)).sum().backward();
        optimizer.step();
    }

    [Fact]
    public void AFrozenPart_KeepsWeightsAndStatistics_UntilItIsReleased()
    {
        random.manual_seed(1);
        using var model = Model();
        using var optimizer = optim.Adam(model.parameters(), 0.1, weight_decay: 0.1);
        var freeze = new StagedFreeze(model, TrainingSpan.Epochs(1), ["body"], iterationsPerEpoch: 3);
        var start = Weights(model, "body.");
        for (var i = 0; i < 3; i++)
        {
            model.train();
            freeze.Apply();
            Assert.True(freeze.IsFrozen);
            var head = Weights(model, "head.");
            Step(model, optimizer);
            Assert.Equal(start, Weights(model, "body."));
            Assert.NotEqual(head, Weights(model, "head."));
            freeze.Step();
        }
        Assert.False(freeze.IsFrozen);
        freeze.Apply();
        Assert.All(model.modules(), module => Assert.True(module.training));
        Step(model, optimizer);
        Assert.NotEqual(start, Weights(model, "body."));
        Assert.NotEqual(start[^1], Weights(model, "body.")[^1]);      // the count of batches
    }

    [Fact]
    public void Restoring_FreezesAndReleases_AndLeavesFrozenParametersFrozen()
    {
        using var model = Model();
        var forever = model.parameters().First();
        forever.requires_grad_(false);
        var freeze = new StagedFreeze(model, TrainingSpan.Iterations(10), ["body"]);
        freeze.LoadState(At(10));
        Assert.False(forever.requires_grad);
        Assert.Equal(1, model.parameters().Count(parameter => !parameter.requires_grad));
        freeze.LoadState(At(9));
        Assert.Equal(4, model.parameters().Count(parameter => !parameter.requires_grad));
        Assert.Throws<ArgumentException>(() => freeze.CheckState(At(-1)));
        Assert.Throws<ArgumentException>(() => new StagedFreeze(model, TrainingSpan.Epochs(1), ["body"]));
        Assert.Contains("body2", Assert.Throws<ArgumentException>(() =>
            new StagedFreeze(model, TrainingSpan.Iterations(1), ["body3"])).Message, StringComparison.Ordinal);

        Dictionary<string, double> At(int iteration) => new(freeze.SaveState()) { ["iteration"] = iteration };
    }

    /// <summary>The gradients of the training before would be zeros, and momentum and weight decay would go on.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void AFrozenPart_ThatWasTrainedBefore_Stays(bool byState)
    {
        random.manual_seed(1);
        using var model = Model();
        using var adam = optim.Adam(model.parameters(), 0.01, weight_decay: 0.01);
        using var sgd = optim.SGD(model.parameters(), 0.01, momentum: 0.9);
        var freeze = byState ? new StagedFreeze(model, TrainingSpan.Iterations(2), ["body"]) : null;
        var start = freeze?.SaveState();
        for (var i = 0; i < 5; i++)
        {
            Step(model, adam);
            Step(model, sgd);
            freeze?.Step();
        }
        freeze ??= new StagedFreeze(model, TrainingSpan.Iterations(100), ["body"]);
        if (start is not null) freeze.LoadState(start);
        Assert.True(freeze.IsFrozen);
        var frozen = Weights(model, "body.");
        for (var i = 0; i < 3; i++)
        {
            Step(model, adam);
            using (var scope = NewDisposeScope())
            {
                sgd.zero_grad();
                model.call(rand(5, 3)).sum().backward();
                sgd.SafeStep();
            }
            Assert.Equal(frozen, Weights(model, "body."));
        }
    }

    /// <summary>The parts of a model are released one after the other, in whichever order their freezes were made.</summary>
    [Theory, InlineData(false), InlineData(true)]
    public void FreezesMayOverlap(bool innerFirst)
    {
        using var model = Model();
        var mine = model.named_parameters().Single(entry => entry.name == "body.bn.bias").parameter;
        mine.requires_grad_(false);
        StagedFreeze outer, inner;
        if (innerFirst) (inner, outer) = (Inner(), Outer());
        else (outer, inner) = (Outer(), Inner());
        var states = new List<(IReadOnlyDictionary<string, double> Outer, IReadOnlyDictionary<string, double> Inner)>();
        for (var i = 0; i < 6; i++)
        {
            states.Add((outer.SaveState(), inner.SaveState()));
            Check(i);
            outer.Step();
            inner.Step();
            Check(i + 1);
        }
        foreach (var i in new[] { 3, 0, 4, 1, 5, 2, 4 })
        {
            outer.LoadState(states[i].Outer);
            inner.LoadState(states[i].Inner);
            Check(i);
        }

        // Those that the user releases are released, whoever held them.
        var abandoned = new StagedFreeze(model, TrainingSpan.Iterations(9), ["head"]);
        foreach (var parameter in model.parameters()) parameter.requires_grad_(true);
        var last = new StagedFreeze(model, TrainingSpan.Iterations(1), ["head"]);
        last.Step();
        Assert.True(abandoned.IsFrozen);
        Assert.Equal(["head.weight", "head.bias"], Trained().Where(name => name.StartsWith("head", StringComparison.Ordinal)));

        StagedFreeze Outer() => new(model, TrainingSpan.Iterations(2), ["body"]);
        StagedFreeze Inner() => new(model, TrainingSpan.Iterations(4), ["body.fc"]);
        IEnumerable<string> Trained() => model.named_parameters().Where(entry => entry.parameter.requires_grad).Select(entry => entry.name);

        void Check(int iteration)
        {
            string[] rest = ["body2.weight", "body2.bias", "head.weight", "head.bias"];
            string[] released = iteration < 2 ? rest : [.. rest, "body.bn.weight"];
            if (iteration >= 4) released = [.. released, "body.fc.weight", "body.fc.bias"];
            Assert.Equal(released.Order(), Trained().Order());
            Assert.Equal((true, iteration >= 2, iteration >= 2, iteration >= 4),
                (model.training, Training("body"), Training("body.bn"), Training("body.fc")));
        }

        bool Training(string name) => model.named_modules().Single(entry => entry.name == name).module.training;
    }

    [Fact]
    public void Groups_HoldEachParameterOnce_AndKeepTheirOwnRates()
    {
        using var model = Model();
        var groups = ParameterGroup.ByPrefix(model, "body", "body.fc", "head");
        Assert.Equal(["body", "body.fc", "head", ""], groups.Select(group => group.Name));
        Assert.Equal([2, 2, 2, 2], groups.Select(group => group.Parameters.Count));
        Assert.Equal(["weights", "biases"], ParameterGroup.ByDimension(model).Select(group => group.Name));
        using var optimizer = optim.SGD([.. groups.Select((group, i) => new SGD.ParamGroup(group.Parameters, lr: 0.1 * (i + 1)))], 0.1);
        var schedule = new PolynomialSchedule(optimizer, TrainingSpan.Iterations(2), power: 1);
        schedule.Step();
        Assert.All(optimizer.ParamGroups.Select((group, i) => (group.LearningRate, i)),
            group => Assert.Equal(0.05 * (group.i + 1), group.LearningRate, 1e-15));
        Assert.Throws<ArgumentException>(() => ParameterGroup.ByPrefix(model, "head", "head"));
        Assert.Throws<ArgumentException>(() => ParameterGroup.ByPrefix(model, "tail"));
    }

    /// <summary>Bag of Tricks: the loss has a weight, but its centers move by their own SGD at 0.5, as if the weight were 1.</summary>
    [Fact]
    public void CentersWithTheirOwnOptimizer_MoveAsIfTheirLossHadNoWeight()
    {
        const double weight = 0.0005;
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new CenterLoss(LossTable.Classes, LossTable.Dimension);
        loss.to(ScalarType.Float64);
        using var optimizer = optim.SGD(loss.parameters(), 0.5);
        var before = loss.Centers.detach().clone();
        (weight * loss.call(x, y)).backward();
        GradientScale.Divide(loss.parameters(), weight);
        optimizer.step();
        for (var c = 0; c < 4; c++)
        {
            var own = Enumerable.Range(0, 12).Where(row => y[row].item<long>() == c).ToArray();
            var gradient = own.Select(row => 2 * (before[c] - x[row])).Aggregate((a, b) => a + b) / 12;
            Assert.True((before[c] - 0.5 * gradient - loss.Centers.detach()[c]).abs().max().item<double>() < 1e-12);
        }
    }
}
