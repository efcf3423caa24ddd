using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ModelAverageTests
{
    private static double[] State(nn.Module model)
    {
        using var scope = NewDisposeScope();
        return [.. model.state_dict().OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .SelectMany(entry => entry.Value.detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray())];
    }

    /// <summary>A step that changes weights, statistics and the count of batches.</summary>
    private static void Change(nn.Module<Tensor, Tensor> model, int seed)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(seed);
        model.train();
        model.call(randn(6, 3));
        using (no_grad())
            foreach (var parameter in model.parameters()) parameter.add_(randn_like(parameter), 1);
    }

    private static nn.Module<Tensor, Tensor> Model() => nn.Sequential(("fc", nn.Linear(3, 4)), ("bn", nn.BatchNorm1d(4)));

    [Fact]
    public void Update_IsTheFormula_OverWeightsAndStatistics_AndCopiesCounts()
    {
        using var model = Model();
        using var average = new ModelAverage(model, decay: 0.9);
        var expected = State(model);
        for (var step = 1; step <= 5; step++)
        {
            Change(model, step);
            average.Update();
            // The count of batches is a whole number, and the only one here.
            expected = [.. expected.Zip(State(model), (a, w) => w == step ? w : 0.9 * a + 0.1 * w)];
        }
        using (average.Use()) Assert.All(State(model).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Assert.Equal(5, average.Updates);
    }

    [Theory, InlineData(ScalarType.BFloat16), InlineData(ScalarType.Float16)]
    public void HalfPrecision_IsAveragedInFloat32(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(1, 1, hasBias: false, dtype: type);
        using (no_grad()) model.weight!.fill_(1);
        using var average = new ModelAverage(model, decay: 0.999);
        using (no_grad()) model.weight!.fill_(2);
        for (var step = 0; step < 100; step++) average.Update();
        var expected = 2 - Math.Pow(0.999, 100);
        Assert.Equal(expected, average.StateTensors["weight"].item<float>(), 1e-4);
        using (average.Use())
        {
            Assert.Equal(type, model.weight!.dtype);
            Assert.Equal(expected, State(model)[0], 0.01);
        }
        Assert.Equal(2, State(model)[0]);
    }

    [Fact]
    public void WarmUp_IsTimms()
    {
        using var model = Model();
        using var average = new ModelAverage(model, decay: 0.999, warmUpPower: 2.0 / 3);
        Assert.Equal(0, average.DecayAt(1));
        Assert.Equal(1 - Math.Pow(10, -2.0 / 3), average.DecayAt(10), 1e-15);
        Assert.Equal(0.999, average.DecayAt(1_000_000));
        Change(model, 1);
        average.Update();
        var own = State(model);
        using (average.Use()) Assert.Equal(own, State(model));
    }

    [Fact]
    public void Use_GivesTheModelItsOwnWeightsBack_AndRefusesWhatWouldMixThem()
    {
        using var model = Model();
        using var average = new ModelAverage(model, decay: 0.5);
        Change(model, 1);
        var own = State(model);
        using (var scope = average.Use())
        {
            Assert.NotEqual(own, State(model));
            Assert.Throws<InvalidOperationException>(average.Update);
            Assert.Throws<InvalidOperationException>(average.Use);
            Assert.Throws<InvalidOperationException>(() => average.SaveState());
            scope.Dispose();
            Assert.Equal(own, State(model));
        }
        Assert.Equal(own, State(model));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ModelAverage(model, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ModelAverage(model, warmUpPower: 0));
    }

    [Fact]
    public void AModelThatHasChanged_IsRefused_AndNothingChanges()
    {
        using var model = nn.Sequential(("a", nn.Linear(2, 2)), ("b", nn.Linear(2, 3)));
        using var average = new ModelAverage(model, decay: 0.5);
        var before = Averages();
        using (no_grad())
            foreach (var parameter in model.parameters()) parameter.add_(1);
        var head = (TorchSharp.Modules.Linear)model.children().Last();
        using var bias = head.bias!;
        using (var narrow = nn.Parameter(zeros(1)))     // a shape that libtorch would spread over the average
        {
            head.bias = narrow;
            Refused("The model's 'b.bias' is [1] and was [3] when the average was made: make a new average after the model has changed.");
        }
        head.bias = bias;
        using var added = nn.Linear(1, 1);
        model.add_module("c", added);
        Refused("The model's 'c.weight' is [1, 1] and was not there when the average was made: make a new average");

        void Refused(string message)
        {
            var own = State(model);
            foreach (var call in new Action[] { average.Update, () => average.Use() })
                Assert.Contains(message, Assert.Throws<InvalidOperationException>(call).Message, StringComparison.Ordinal);
            Assert.Equal(0, average.Updates);
            Assert.Equal(before, Averages());
            Assert.Equal(own, State(model));
        }

        float[] Averages() => [.. average.StateTensors.Values.SelectMany(value => value.data<float>().ToArray())];
    }
}
