using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class BatchStatisticsTests
{
    private static nn.Module<Tensor, Tensor> Model() =>
        nn.Sequential(("conv", nn.Conv2d(2, 3, 1)), ("bn", nn.BatchNorm2d(3)), ("act", nn.ReLU(inplace: true)),
            ("flat", nn.Flatten()), ("frozen", nn.BatchNorm1d(12)));

    private static nn.Module Layer(nn.Module model, string name) => model.named_children().First(child => child.name == name).module;

    private static double[] Buffer(nn.Module model, string layer, string name)
    {
        using var values = Layer(model, layer).get_buffer(name)!.to(ScalarType.Float64);
        return values.data<double>().ToArray();
    }

    [Theory, InlineData(BatchStatisticsRule.Pooled), InlineData(BatchStatisticsRule.MeanOfBatches)]
    public void Statistics_AreThoseOfAllBatches(BatchStatisticsRule rule)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        using var model = Model();
        model.train();
        Layer(model, "frozen").eval();
        Tensor[] batches = [randn(5, 2, 2, 2) + 100, randn(3, 2, 2, 2) * 3 + 100, randn(1, 2, 2, 2) + 101];
        var frozen = Buffer(model, "frozen", "running_mean");
        Assert.Equal(1, BatchStatistics.Recompute(model, batches, rule));
        var conv = (nn.Module<Tensor, Tensor>)Layer(model, "conv");
        double[][][] channels = [.. batches.Select(batch =>
        {
            var output = conv.call(batch).detach().to(ScalarType.Float64).transpose(0, 1).flatten(1);
            return Enumerable.Range(0, 3).Select(c => output[c].data<double>().ToArray()).ToArray();
        })];
        for (var c = 0; c < 3; c++)
        {
            double[][] groups = rule == BatchStatisticsRule.Pooled ? [[.. channels.SelectMany(batch => batch[c])]]
                : [.. channels.Select(batch => batch[c])];
            Assert.Equal(groups.Average(values => values.Average()), Buffer(model, "bn", "running_mean")[c], 1e-4);
            Assert.Equal(groups.Average(Variance), Buffer(model, "bn", "running_var")[c], 1e-4);
        }
        Assert.Equal(frozen, Buffer(model, "frozen", "running_mean"));
        Assert.Equal(0, Buffer(model, "bn", "num_batches_tracked")[0]);
        Assert.True(model.training);
    }

    [Fact]
    public void AFailure_LeavesTheStatisticsAsTheyWere()
    {
        using var scope = NewDisposeScope();
        using var model = Model();
        model.train();
        var before = Buffer(model, "bn", "running_mean").Concat(Buffer(model, "frozen", "running_var")).ToArray();
        Assert.Throws<ArgumentException>(() => BatchStatistics.Recompute(model, []));
        Assert.ThrowsAny<Exception>(() => BatchStatistics.Recompute(model, [randn(2, 2, 2, 2), randn(2, 5, 2, 2)]));
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => BatchStatistics.Recompute(model, Stopping(), cancellationToken: stop.Token));
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity })
            Assert.Contains("The statistics of the layer 'bn' are not finite", Assert.Throws<InvalidOperationException>(() =>
                BatchStatistics.Recompute(model, [randn(2, 2, 2, 2), full([2, 2, 2, 2], bad)])).Message, StringComparison.Ordinal);
        Assert.Equal(before, Buffer(model, "bn", "running_mean").Concat(Buffer(model, "frozen", "running_var")));
        model.eval();
        Assert.Throws<ArgumentException>(() => BatchStatistics.Recompute(model, [randn(2, 2, 2, 2)]));

        IEnumerable<Tensor> Stopping()
        {
            yield return randn(2, 2, 2, 2);
            stop.Cancel();
            yield return randn(2, 2, 2, 2);
        }
    }

    private static double Variance(double[] values)
    {
        var mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1);
    }
}
