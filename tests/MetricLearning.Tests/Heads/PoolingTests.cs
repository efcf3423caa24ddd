using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class PoolingTests
{
    public static TheoryData<string> Kinds => ["average", "max", "average+max", "gem fixed", "gem learned"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_MatchesLoops(string kind)
    {
        using var scope = NewDisposeScope();
        using var pooling = Create(kind);
        using var map = randn(3, 4, 5, 2, dtype: ScalarType.Float64);
        var actual = pooling.call(map);
        Assert.Equal([3, 4], actual.shape);
        for (var n = 0; n < 3; n++)
            for (var c = 0; c < 4; c++)
            {
                var values = map[n, c].flatten().data<double>().ToArray();
                var expected = kind switch
                {
                    "average" => values.Average(),
                    "max" => values.Max(),
                    "average+max" => values.Average() + values.Max(),
                    _ => Math.Pow(values.Average(value => Math.Pow(Math.Max(value, 1e-6), 3)), 1.0 / 3),
                };
                Assert.Equal(expected, actual[n, c].ToDouble(), 1e-6);
            }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gradient_MatchesCentralDifferences(string kind)
    {
        using var scope = NewDisposeScope();
        using var pooling = Create(kind);
        pooling.to(ScalarType.Float64);
        var weights = randn(2, 3, dtype: ScalarType.Float64);
        var map = rand(2, 3, 3, 2, dtype: ScalarType.Float64).add_(0.1).requires_grad_(true);
        (pooling.call(map) * weights).sum().backward();
        Differ(map, map.grad!, () => (pooling.call(map) * weights).sum().ToDouble());
        foreach (var parameter in pooling.parameters()) Differ(parameter, parameter.grad!, () => (pooling.call(map) * weights).sum()
            .ToDouble());
    }

    [Fact]
    public void GeM_HasAParameterOnlyIfLearnable()
    {
        using var learned = new GeMPooling();
        using var fixedP = new GeMPooling(learnable: false);
        Assert.Equal(["p"], learned.state_dict().Keys);
        Assert.Empty(fixedP.state_dict());
        Assert.True(learned.parameters().Single().requires_grad);
    }

    [Fact]
    public void GeM_OfOneIsTheAverageAndOfManyNearlyTheMaximum()
    {
        using var scope = NewDisposeScope();
        using var one = new GeMPooling(exponent: 1, learnable: false);
        using var many = new GeMPooling(exponent: 200, learnable: false);
        var map = rand(2, 3, 4, 4, dtype: ScalarType.Float64).add_(0.5);
        Assert.InRange((one.call(map) - map.mean([2, 3])).abs().max().ToDouble(), 0, 1e-12);
        Assert.InRange((many.call(map) / map.amax([2, 3]) - 1).abs().max().ToDouble(), 0, 0.02);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void GeM_OfAMapWithoutPositiveValuesIsFinite(bool learnable)
    {
        using var scope = NewDisposeScope();
        using var pooling = new GeMPooling(learnable: learnable);
        var map = zeros(2, 3, 4, 4).requires_grad_(true);
        var pooled = pooling.call(map);
        pooled.sum().backward();
        Assert.True(pooled.isfinite().all().ToBoolean());
        Assert.True(map.grad!.isfinite().all().ToBoolean());
        foreach (var parameter in pooling.parameters()) Assert.True(parameter.grad!.isfinite().all().ToBoolean());
    }

    /// <summary>10²⁰⁰ and 0.01²⁰⁰ are not in float32.</summary>
    [Theory]
    [InlineData(8), InlineData(64), InlineData(200)]
    public void GeM_OfALargeExponent_NeitherOverflowsNorVanishes(double exponent)
    {
        using var scope = NewDisposeScope();
        foreach (var learnable in new[] { true, false })
        {
            using var pooling = new GeMPooling(exponent, learnable: learnable);
            foreach (var size in new[] { 0, 1e-5, 0.01, 10, 1e4 })
            {
                var map = (rand(1, 2, 3, 2) + 0.5).mul_(size).requires_grad_(true);
                pooling.zero_grad();
                var pooled = pooling.call(map);
                var expected = map.detach().to(ScalarType.Float64).clamp_min(1e-6).div_(Math.Max(size, 1e-6)).pow(exponent).mean([2, 3])
                    .pow(1 / exponent).mul_(Math.Max(size, 1e-6));
                Assert.InRange((pooled / expected - 1).abs().max().ToDouble(), 0, 1e-4);
                pooled.sum().backward();
                Assert.True(map.grad!.isfinite().all().ToBoolean());
                foreach (var parameter in pooling.parameters()) Assert.True(parameter.grad!.isfinite().all().ToBoolean());
            }
        }
    }

    [Fact]
    public void GeM_KeepsHalfPrecision()
    {
        using var scope = NewDisposeScope();
        using var pooling = new GeMPooling();
        pooling.to(ScalarType.BFloat16);
        var map = rand(2, 3, 4, 4);
        var half = pooling.call(map.to(ScalarType.BFloat16));
        Assert.Equal(ScalarType.BFloat16, half.dtype);
        Assert.InRange((half.to(ScalarType.Float32) - map.pow(3).mean([2, 3]).pow(1.0 / 3)).abs().max().ToDouble(), 0, 0.01);
    }

    [Fact]
    public void Forward_OfAnotherShape_SaysSo()
    {
        using var scope = NewDisposeScope();
        using var pooling = new GlobalAveragePooling();
        var error = Assert.Throws<ArgumentException>(() => pooling.call(zeros(2, 3)));
        Assert.StartsWith("map must be [N, C, h, w], got [2, 3].", error.Message);
    }

    [Theory]
    [InlineData(0, 1e-6)]
    [InlineData(double.NaN, 1e-6)]
    [InlineData(3, 0)]
    public void GeM_OfWrongNumbers_Throws(double exponent, double epsilon) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new GeMPooling(exponent, epsilon));

    private static Pooling Create(string kind) => kind switch
    {
        "average" => new GlobalAveragePooling(),
        "max" => new GlobalMaxPooling(),
        "average+max" => new AverageMaxPooling(),
        "gem fixed" => new GeMPooling(learnable: false),
        _ => new GeMPooling(),
    };

    private static void Differ(Tensor at, Tensor gradient, Func<double> value)
    {
        const double Step = 1e-6;
        using var off = no_grad();
        var flat = at.view(-1);
        var flatGradient = gradient.view(-1);
        for (var i = 0; i < flat.numel(); i++)
        {
            flat[i].add_(Step);
            var high = value();
            flat[i].sub_(2 * Step);
            var low = value();
            flat[i].add_(Step);
            Assert.Equal((high - low) / (2 * Step), flatGradient[i].ToDouble(), 1e-7);
        }
    }
}
