using MetricLearning.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the clipping and accumulation of gradients.</summary>
[LeavesNoTensors]
public class GradientStepTests
{
    private static Parameter[] With(params double[][] gradients) => [.. gradients.Select(values =>
    {
        var parameter = nn.Parameter(zeros(values.Length, ScalarType.Float64));
        (parameter * tensor(values)).sum().backward();
        return parameter;
    })];

    private static double[] Gradients(IEnumerable<Parameter> parameters) =>
        [.. parameters.SelectMany(parameter => parameter.grad?.data<double>().ToArray() ?? [])];

    [Fact]
    public void ByNorm_IsTorchs_AndTellsTheNorm()
    {
        using var scope = NewDisposeScope();
        var parameters = With([3, 4], [12]).Append(nn.Parameter(zeros(2, ScalarType.Float64))).ToArray();     // the last without a gradient
        Assert.Equal(13, GradientClipping.ByNorm(parameters, 20), 12);
        Assert.Equal([3, 4, 12], Gradients(parameters));
        Assert.Equal(13, GradientClipping.ByNorm(parameters, 1), 12);
        Assert.All(Gradients(parameters).Zip([3 / 13.000001, 4 / 13.000001, 12 / 13.000001]),
            pair => Assert.Equal(pair.Second, pair.First, 1e-15));
        Assert.Equal(0, GradientClipping.ByNorm([], 1));
    }

    [Fact]
    public void ByValue_MovesEachEntryIntoTheRange()
    {
        using var scope = NewDisposeScope();
        var parameters = With([3, -4], [0.5]);
        Assert.Equal(Math.Sqrt(25.25), GradientClipping.ByValue(parameters, 2), 12);
        Assert.Equal([2, -2, 0.5], Gradients(parameters));
    }

    [Theory, InlineData(double.NaN), InlineData(double.PositiveInfinity)]
    public void ANonFiniteNorm_IsRefused_AndNothingChanges(double bad)
    {
        using var scope = NewDisposeScope();
        var parameters = With([3, 4], [1, bad]);
        Assert.Contains("parameter 1, [2]", Assert.Throws<InvalidOperationException>(() => GradientClipping.ByNorm(parameters, 1)).Message,
            StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => GradientClipping.ByValue(parameters, 1));
        Assert.Equal([3, 4, 1, bad], Gradients(parameters));
        Assert.Equal(bad, GradientClipping.ByNorm(parameters, 1, allowNonFinite: true));
        Assert.Equal([3, 4, 1, bad], Gradients(parameters));
        Assert.Throws<ArgumentOutOfRangeException>(() => GradientClipping.ByNorm(parameters, 0));
    }

    [Fact]
    public void Accumulation_GivesTheGradientOfTheWholeBatch_ForMeansOverRows()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new CosFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8);
        loss.to(ScalarType.Float64);
        loss.call(x, y).backward();
        var expected = Gradients(loss.parameters());
        loss.zero_grad();
        var accumulation = new GradientAccumulation(loss.parameters(), 3);
        for (var part = 0; part < 3; part++)
        {
            var full = accumulation.Backward(loss.call(x.narrow(0, 4 * part, 4), y.narrow(0, 4 * part, 4)));
            Assert.Equal(part == 2, full);
            if (!full) Assert.Throws<InvalidOperationException>(() => accumulation.SaveState());
        }
        Assert.All(Gradients(loss.parameters()).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-12));

        // Unequal parts with their shares, and a group that ends early.
        loss.zero_grad();
        Assert.False(accumulation.Backward(loss.call(x.narrow(0, 0, 2), y.narrow(0, 0, 2)), share: 2.0 / 12));
        Assert.False(accumulation.Backward(loss.call(x.narrow(0, 2, 10), y.narrow(0, 2, 10)), share: 10.0 / 12));
        Assert.True(accumulation.Complete());
        Assert.All(Gradients(loss.parameters()).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
        loss.zero_grad();
        accumulation.Backward(loss.call(x.narrow(0, 0, 6), y.narrow(0, 0, 6)));
        accumulation.Backward(loss.call(x.narrow(0, 6, 6), y.narrow(0, 6, 6)));
        Assert.True(accumulation.Complete());
        Assert.All(Gradients(loss.parameters()).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
        Assert.False(accumulation.Complete());
    }

    [Fact]
    public void Accumulation_WithSampledClasses_IsTheWholeBatch_WhereAllClassesAreDrawn()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var whole = Trained(1);
        var parts = Trained(3);
        Assert.All(parts.Zip(whole), pair => Assert.Equal(pair.Second, pair.First, 1e-12));

        double[] Trained(int count)
        {
            random.manual_seed(5);
            using var loss = new CosFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8)
            {
                Sampled = new SampledClasses(LossTable.Classes, momentum: 0, weightDecay: 0.1),
            };
            loss.to(ScalarType.Float64);
            var before = Weights();
            var accumulation = new GradientAccumulation(loss.parameters(), count);
            var rows = 12 / count;
            for (var part = 0; part < count; part++)
            {
                var input = x.narrow(0, rows * part, rows).detach().requires_grad_();
                if (accumulation.Backward(loss.call(input, y.narrow(0, rows * part, rows)))) loss.Sampled!.Step(0.5);
            }
            Assert.All(Weights().Zip(before), pair => Assert.NotEqual(pair.Second, pair.First));
            return Weights();

            double[] Weights() => loss.Weights.detach().reshape(-1).data<double>().ToArray();
        }
    }

    [Fact]
    public void AGroupThatEndsEarly_ScalesTheSampledClasses()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        Assert.All(Trained(4).Zip(Trained(1)), pair => Assert.Equal(pair.Second, pair.First, 1e-12));

        double[] Trained(int count)
        {
            random.manual_seed(5);
            using var loss = new CosFaceLoss(LossTable.Classes, LossTable.Dimension, scale: 8)
            {
                Sampled = new SampledClasses(LossTable.Classes, momentum: 0, weightDecay: 0),
            };
            loss.to(ScalarType.Float64);
            var accumulation = new GradientAccumulation([], count) { Sampled = [loss.Sampled!] };
            accumulation.Backward(loss.call(x.detach().requires_grad_(), y));
            accumulation.Complete();
            loss.Sampled!.Step(0.5);
            accumulation.Backward(loss.call(x.detach().requires_grad_(), y));
            accumulation.LoadState(new GradientAccumulation([], count).SaveState());
            loss.Sampled.RequireStepped("loss");        // loading has dropped the gradients
            return loss.Weights.detach().reshape(-1).data<double>().ToArray();
        }
    }

    [Fact]
    public void ANullParameter_IsRefusedByName()
    {
        Parameter[] parameters = [null!];
        Refused(() => GradientClipping.ByNorm(parameters, 1));
        Refused(() => GradientClipping.ByValue(parameters, 1));
        Refused(() => GradientScale.Divide(parameters, 1));
        Refused(() => _ = new GradientAccumulation(parameters, 1));
        Assert.Throws<ArgumentException>("Parameters", () => new ParameterGroup("x", parameters));
        Assert.Throws<ArgumentException>("Sampled", () => new GradientAccumulation([], 1) { Sampled = [null!] });
        Assert.Throws<ArgumentNullException>("parameters", () => GradientClipping.ByNorm(null!, 1));

        static void Refused(Action call) => Assert.Contains("parameters must hold no null, got one at place 0",
            Assert.Throws<ArgumentException>("parameters", call).Message, StringComparison.Ordinal);
    }

    /// <summary>A list from a model and its losses may hold a parameter twice.</summary>
    [Fact]
    public void AParameterThatIsGivenTwice_CountsOnce()
    {
        using var scope = NewDisposeScope();
        Parameter[] once = With([3, 4]), twice = With([3, 4]);
        twice = [twice[0], twice[0]];
        Assert.Equal(GradientClipping.ByNorm(once, 1), GradientClipping.ByNorm(twice, 1));
        Assert.Equal(Gradients(once), Gradients(twice[..1]));
        Assert.Equal(GradientClipping.ByValue(once, 0.5), GradientClipping.ByValue(twice, 0.5));
        GradientScale.Divide(once, 2);
        GradientScale.Divide(twice, 2);
        Assert.Equal(Gradients(once), Gradients(twice[..1]));
        foreach (var parameters in new[] { once, twice })
        {
            var accumulation = new GradientAccumulation(parameters, 4);
            accumulation.Backward(parameters[0].sum());
            accumulation.Complete();
        }
        Assert.Equal(Gradients(once), Gradients(twice[..1]));
    }

    [Fact]
    public void ASparseGradient_IsClippedByNorm_AndRefusedWhereItCannotBe()
    {
        using var scope = NewDisposeScope();
        using var embedding = nn.Embedding(5, 3, sparse: true);
        var dense = With([3, 4])[0];
        embedding.call(tensor(new long[] { 1, 1 })).sum().backward();
        Parameter[] parameters = [dense, .. embedding.parameters()];
        Assert.Contains("parameter 1, [5, 3], is sparse",
            Assert.Throws<NotSupportedException>(() => GradientClipping.ByValue(parameters, 1)).Message, StringComparison.Ordinal);
        Assert.Equal([3, 4], Gradients([dense]));
        Assert.Equal(Math.Sqrt(25 + 12), GradientClipping.ByNorm(parameters, 100), 12);
    }

    [Fact]
    public void Accumulation_RefusesWhatHasNoGradient_OrIsNoScalar()
    {
        using var scope = NewDisposeScope();
        var parameter = With([1, 2])[0];
        var before = Gradients([parameter]);
        var accumulation = new GradientAccumulation([parameter], 2);
        var propagated = new GradientCache(rows => rows * parameter, 1).Backward(ones(2, 2, ScalarType.Float64), rows => rows.sum());
        parameter.grad = tensor([1.0, 2]);
        Assert.Contains("GradientCache", Refused(propagated, "loss must have a gradient, got []"), StringComparison.Ordinal);
        Refused(parameter * 2, "loss must be a scalar, got [2]");
        parameter.requires_grad_(false);
        Refused(parameter.sum(), "loss must have a gradient, got []");
        parameter.requires_grad_(true);
        var disposed = parameter.sum();
        disposed.Dispose();
        Refused(disposed, "loss must be a tensor that is in use");
        Assert.Equal(before, Gradients([parameter]));
        Assert.Equal(0, accumulation.Pending);

        var loss = parameter.sum();
        using (no_grad()) accumulation.Backward(loss);
        Assert.Equal([1.5, 2.5], Gradients([parameter]));

        string Refused(Tensor value, string message)
        {
            var error = Assert.Throws<ArgumentException>("loss", () => accumulation.Backward(value));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
            return error.Message;
        }
    }

    [Fact]
    public void Accumulation_LoadsTheStateBetweenTwoGroups_WithoutGradients()
    {
        using var scope = NewDisposeScope();
        var parameters = With([1, 2]);
        var accumulation = new GradientAccumulation(parameters, 3);
        var state = accumulation.SaveState();
        accumulation.Backward(parameters[0].sum());
        accumulation.LoadState(state);
        Assert.Equal(0, accumulation.Pending);
        Assert.Empty(Gradients(parameters));
        Assert.False(accumulation.Complete());
    }

    [Fact]
    public void Accumulation_FillsAMemoryOnce_WithEachRow()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var memory = new CrossBatchMemory(new TripletLoss(margin: 2), LossTable.Dimension, capacity: 32);
        var accumulation = new GradientAccumulation([], 3);
        for (var part = 0; part < 3; part++)
            accumulation.Backward(memory.call(x.narrow(0, 4 * part, 4).detach().requires_grad_(), y.narrow(0, 4 * part, 4)));
        Assert.Equal(12, memory.Count);
    }
}
