using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests computations that divide by the spread of the features. Here the features are constant, but their computed mean is
/// rounded: in floating point, the sum of seven times 0.1 is not 7 · 0.1.</summary>
[LeavesNoTensors]
public class ConstantFeaturesTests
{
    public static TheoryData<ScalarType> Types => [ScalarType.Float32, ScalarType.Float64];

    [Theory, MemberData(nameof(Types))]
    public void SignalToNoise_OfAConstantAnchor_IsTheNoise(ScalarType type)
    {
        using var scope = NewDisposeScope();
        foreach (var constant in new[] { 0.1, -0.7, 1e6 / 3 })
        {
            var (x, y) = (full(1, 7, constant, type).requires_grad_(), arange(7, type).unsqueeze(0));
            var distance = Distance.SignalToNoise.Matrix(x, y);
            Assert.Equal(28, distance.to(ScalarType.Float64).item<double>(), 1e-5);
            Assert.Equal(28, Distance.SignalToNoise.Pairwise(x, y).to(ScalarType.Float64).item<double>(), 1e-5);
            // For a constant anchor, the formula reduces to the sum of (x − y − mean)². Its gradient is 2 (x̃ − ỹ), where x̃ and ỹ are the
            // rows without their means. Central differences give the same.
            distance.backward();
            Assert.True(x.grad!.allclose(-2 * (arange(7, type) - 3).unsqueeze(0), 1e-5, 1e-5));
            Gradient.Release();
        }
    }

    [Fact]
    public void SignalToNoise_OfALargeOffset_IsThatOfTheRowsWithoutIt()
    {
        using var scope = NewDisposeScope();
        // Multiples of 1/16, which float32 holds exactly at an offset of 2 ** 18.
        var (x, y) = ((randint(-64, 64, [5, 9]) / 16.0).to(ScalarType.Float32), (randint(-64, 64, [5, 9]) / 16.0).to(ScalarType.Float32));
        var expected = Distance.SignalToNoise.Matrix(x, y);
        var offset = 1 << 18;
        Assert.True(Distance.SignalToNoise.Matrix(x + offset, y + offset).allclose(expected, rtol: 1e-4));
    }

    [Theory, MemberData(nameof(Types))]
    public void BarlowTwins_ADeadFeatureHasTheCorrelationZero(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var varying = arange(7, type).unsqueeze(1);
        using var loss = new BarlowTwinsLoss();
        foreach (var constant in new[] { 0, 0.1, -0.7 })
        {
            var view = cat([varying, full(7, 1, constant, type)], 1);
            Assert.Equal(1, loss.call(view, view).to(ScalarType.Float64).item<double>(), 1e-5);
            Assert.Equal(1, loss.call(view, cat([varying, full(7, 1, -constant, type)], 1)).to(ScalarType.Float64).item<double>(), 1e-5);
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void EffectiveRank_OfACollapsedBatchIsZero(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var y = arange(9) % 3;
        using var loss = new TripletLoss();
        foreach (var constant in new[] { 0, 0.1, -0.7, 1e6 / 3 })
        {
            var x = full(9, 5, constant, type);
            Assert.Equal(0, loss.Report(x, y, detailed: true).EffectiveRank);
            // The rows differ by one rounding, as the embeddings of a collapsed network do.
            var rounded = x * (1 + (type == ScalarType.Float32 ? 6e-8 : 1.1e-16) * (randint(0, 2, [9, 5], type) * 2 - 1));
            Assert.Equal(0, loss.Report(rounded, y, detailed: true).EffectiveRank);
        }
        var spread = cat([full(8, 5, 0.1, type), full(1, 5, 0.2, type)]);
        Assert.Equal(1, loss.Report(spread, y, detailed: true).EffectiveRank!.Value, 1e-5);
    }

    [Theory, MemberData(nameof(Types))]
    public void PrincipalAxes_OfEqualRowsHaveNoVariance(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var equal = full(7, 3, 0.1, type);
        Assert.All(EffectiveDimension.VarianceShares(equal), share => Assert.Equal(double.NaN, share));
        Assert.Equal(double.NaN, EffectiveDimension.Fraction(equal, 0.9));
        using var set = new EmbeddingSet(equal, new long[7]);
        using var components = PrincipalComponents.Fit(set);
        Assert.All(components.Variances, variance => Assert.Equal(0, variance));
        using var projected = components.Apply(set);
        Assert.Equal(0, projected.Features.abs().max().to(ScalarType.Float64).item<double>());
    }

    [Theory, MemberData(nameof(Types))]
    public void CameraNormalization_OfEqualRowsIsZero(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var set = new EmbeddingSet(full(7, 3, 1e6 / 3, type), new long[7], new long[7]);
        using var normalization = CameraNormalization.Fit(set);
        using var scaled = normalization.Apply(set, scale: true);
        Assert.Equal(0, scaled.Features.abs().max().to(ScalarType.Float64).item<double>());
    }
}
