using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Vision.Tests;

[LeavesNoTensors]
public class BatchMixingTests
{
    [Fact]
    public void Mixup_IsTheWeightedMean_AndItsLabelsSayOfWhat()
    {
        using var scope = NewDisposeScope();
        var images = rand(6, 3, 4, 5, ScalarType.Float64);
        var labels = arange(6L);
        var weights = new HashSet<double>();
        for (ulong seed = 0; seed < 20; seed++)
        {
            using var mixed = new Mixup(1).Apply(images, labels, new SeededRandom(seed));
            Assert.Equal(labels.data<long>().ToArray(), mixed.Labels.data<long>().ToArray());
            Assert.Equal(labels.data<long>().ToArray(), mixed.OtherLabels.data<long>().ToArray().Order());
            var expected = images * mixed.Weight + images.index_select(0, mixed.OtherLabels) * (1 - mixed.Weight);
            Assert.True(allclose(expected, mixed.Images, 0, 1e-12));
            Assert.True(mixed.Weight is > 0 and < 1 && weights.Add(mixed.Weight), $"{mixed.Weight}");
            // A large alpha puts the weight near a half.
            using var halves = new Mixup(1000).Apply(images, labels, new SeededRandom(seed));
            Assert.InRange(halves.Weight, 0.45, 0.55);
        }
    }

    [Fact]
    public void CutMix_PastesOneRectangle_AndItsWeightIsTheRest()
    {
        using var scope = NewDisposeScope();
        var images = arange(5L).to(ScalarType.Float32).view(5, 1, 1, 1).expand(5, 3, 12, 8).contiguous();
        var weights = new HashSet<double>();
        for (ulong seed = 0; seed < 40; seed++)
        {
            using var mixed = new CutMix().Apply(images, arange(5L), new SeededRandom(seed));
            weights.Add(mixed.Weight);
            var pasted = mixed.Images.ne(images).any(0);
            Assert.True((pasted.any(2, keepdim: true) & pasted.any(1, keepdim: true)).eq(pasted).all().item<bool>(), $"seed {seed}");
            for (var i = 0; i < 5; i++)
            {
                var other = mixed.OtherLabels[i].item<long>();
                var own = mixed.Images[i].eq(i).sum().item<long>() / (3.0 * 12 * 8);
                Assert.Equal(other == i ? 1 : mixed.Weight, own, 1e-9);
                Assert.True((mixed.Images[i].eq(i) | mixed.Images[i].eq(other)).all().item<bool>());
                if (other != i) Assert.True(mixed.Images[i].eq(other).eq(pasted).all().item<bool>());
            }
        }
        // Rectangles have many sizes.
        Assert.InRange(weights.Count, 10, 40);
        Assert.Equal(arange(5L).to(ScalarType.Float32).data<float>().ToArray(), images.amax([1, 2, 3]).data<float>().ToArray());
    }

    [Fact]
    public void BadBatches_AreRefused()
    {
        using var scope = NewDisposeScope();
        Expect.Error<ArgumentException>("images must be [N, C, H, W], floating point, got [2, 3] Float32.",
            () => new Mixup().Apply(zeros(2, 3), arange(2L), new SeededRandom(0)));
        Expect.Error<ArgumentException>("labels must be [2], one label per row, got [3].",
            () => new Mixup().Apply(zeros(2, 3, 4, 4), arange(3L), new SeededRandom(0)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CutMix(0));
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(1)]
    [InlineData(4.5)]
    public void Draws_HaveTheMomentsOfTheirDistributions(double shape)
    {
        var random = new SeededRandom(12);
        var gamma = Enumerable.Range(0, 20_000).Select(_ => RandomDistributions.Gamma(random, shape)).ToArray();
        // Mean k and variance k, each within five standard errors of 20,000 draws.
        Assert.Equal(shape, gamma.Average(), 5 * Math.Sqrt(shape / 20_000));
        Assert.Equal(shape, gamma.Average(g => (g - shape) * (g - shape)), 5 * Math.Sqrt((2 * shape * shape + 6 * shape) / 20_000));
        var beta = Enumerable.Range(0, 20_000).Select(_ => RandomDistributions.Beta(random, shape)).ToArray();
        Assert.Equal(0.5, beta.Average(), 5 * 0.5 / Math.Sqrt(20_000));
        // The kurtosis is 3 - 6 / (2 k + 3), which gives the standard error of the variance.
        var variance = 1 / (4 * (2 * shape + 1));
        var error = variance * Math.Sqrt((2 - 6 / (2 * shape + 3)) / 20_000);
        Assert.Equal(variance, beta.Average(b => (b - 0.5) * (b - 0.5)), 5 * error);
        Assert.All(beta, b => Assert.InRange(b, 0, 1));
    }
}
