using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class WeightedSamplerTests
{
    [Fact]
    public void WeightsWhoseSumOverflows_DrawAsTheirRatiosSay()
    {
        double[] ratios = [1, 0, 3, 4];
        var small = new WeightedSampler([.. ratios], 100, 10, seed: 4).Draw(0);
        Assert.Equal(small, new WeightedSampler([.. ratios.Select(weight => Math.ScaleB(weight, 1021))], 100, 10, seed: 4).Draw(0));
    }

    [Fact]
    public void Rows_ComeInProportionToTheirWeights()
    {
        double[] weights = [0, 1, 3, 0, 6, 0];
        var drawn = new WeightedSampler(weights, 100, 100, seed: 4).Draw(0);
        for (var row = 0; row < weights.Length; row++)
        {
            var share = weights[row] / 10;
            var deviation = Math.Sqrt(share * (1 - share) / drawn.Length);
            Assert.InRange(drawn.Count(d => d == row) / (double)drawn.Length, share - 4 * deviation, share + 4 * deviation);
        }
    }

    [Fact, LeavesNoTensors]
    public void WeightsOfTuples_AreHowOftenEachRowIsInThem()
    {
        using var scope = NewDisposeScope();
        var triplets = new Triplets(tensor([0L, 0, 1]), tensor([1L, 2, 0]), tensor([3L, 3, 3]), 5, 5);
        Assert.Equal([1, 2 / 3.0, 1 / 3.0, 1, 0], WeightedSampler.WeightsOf(triplets));
        Assert.StartsWith("tuples must have the same set as rows and columns, got 2 and 3.", Assert.Throws<ArgumentException>(() =>
            WeightedSampler.WeightsOf(Pairs.FromLabels(tensor([0L, 1]), tensor([0L, 1, 1])))).Message);
    }

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.StartsWith("weights must not all be 0.", Assert.Throws<ArgumentException>(
            () => new WeightedSampler([0, 0], 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightedSampler([1, double.NaN], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightedSampler([1, -1], 1));
    }
}
