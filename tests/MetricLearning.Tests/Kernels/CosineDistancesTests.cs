using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class CosineDistancesTests
{
    private static readonly ScalarType[] types = [ScalarType.Float32, ScalarType.Float64];

    [Theory, InlineData(1), InlineData(8), InlineData(37), InlineData(600)]
    public void Of_AgreesWithPlainTensors_ToTheGradientOfEachSide(int width)
    {
        foreach (var type in types)
        {
            using var scope = NewDisposeScope();
            manual_seed(width);
            Tensor[] sides = [randn(width, 9, type).t().requires_grad_(), randn(9, width, type).requires_grad_()];
            var weights = randn(9, type);
            foreach (var (expected, actual) in All(Plain).Zip(All(CosineDistances.Of)))
                Assert.Equal(0, (expected - actual).abs().max().item<double>(), type == ScalarType.Float32 ? 2e-6 : 1e-14);

            Tensor[] All(Func<Tensor, Tensor, Tensor> function)
            {
                var value = function(sides[0], sides[1]);
                return [.. new[] { value }.Concat(autograd.grad([(value * weights).sum()], sides)).Select(x => x.to(ScalarType.Float64))];
            }
        }
        Gradient.Release();

        static Tensor Plain(Tensor x, Tensor y) => 1 - (x * y).sum(1) / (x.norm(1) * y.norm(1));
    }

    [Fact]
    public void Of_OneSideNeedsAGradient_TheOtherGetsNone()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (x, y) = (randn(5, 7), randn(5, 7).requires_grad_());
        CosineDistances.Of(x, y).sum().backward();
        var wanted = y.detach().requires_grad_();
        CosineDistances.Of(wanted, x).sum().backward();
        Assert.Null(x.grad);
        Assert.Equal(0, (wanted.grad! - y.grad!).abs().max().item<float>(), 1e-7f);
        Gradient.Release();
    }

    [Fact]
    public void Of_ARowWithItself_HasOneGradientThatIsZero()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var x = randn(5, 7).requires_grad_();
        var distances = CosineDistances.Of(x, x);
        Assert.True(((distances >= 0) & (distances < 1e-15)).all().item<bool>());
        distances.sum().backward();
        Assert.Equal(0, x.grad!.abs().max().item<float>(), 1e-6f);
        Gradient.Release();
    }

    /// <summary>The difference is taken in float64, so rows in almost the same direction keep the digits of their distance.</summary>
    [Fact]
    public void Of_AlmostTheSameDirection_KeepsItsDigits()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (eye(1, 2), eye(1, 2));
        y[0, 1] = 1e-4f;
        Assert.Equal(5e-9, CosineDistances.Of(x, y).item<float>(), 1e-14);
    }

    [Fact]
    public void Of_ZeroRow_HasTheDistanceOne_AndTheGradientOfARowOfLengthOne()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (zeros(1, 3).requires_grad_(), arange(3, ScalarType.Float32).view(1, 3));
        var distance = CosineDistances.Of(x, y);
        Assert.Equal(1, distance.item<float>());
        distance.sum().backward();
        Assert.Equal(0, (x.grad! + y / y.norm()).abs().max().item<float>(), 1e-7f);
        Gradient.Release();
    }

    [Fact]
    public void Of_RowsOfAnySize_HasTheDistanceOfTheirDirections()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, y) = (randn(4, 21, ScalarType.Float64), randn(4, 21, ScalarType.Float64));
        foreach (var (type, sizes, tolerance) in new[]
        {
            (ScalarType.Float32, (double[])[1e-44, 1e-38, 1e-20, 1e20, 3e37], 2e-6),
            (ScalarType.Float64, [5e-324, 1e-310, 1e-170, 1e170, 1e307], 1e-13),
        })
            foreach (var size in sizes)
                foreach (var other in sizes)
                {
                    var (a, b) = (Sized(x, size), Sized(y, other));
                    var expected = CosineDistances.Of(Rescaled(a), Rescaled(b));
                    Assert.Equal(0, (CosineDistances.Of(a, b).to(ScalarType.Float64) - expected).abs().max().item<double>(), tolerance);

                    Tensor Sized(Tensor rows, double number) => (rows * number).to(type);
                }

        // Very short rows have few digits, so their own entries, brought near 1, are the truth.
        static Tensor Rescaled(Tensor rows)
        {
            var wide = rows.to(ScalarType.Float64);
            return wide.abs().max().item<double>() < 1e-300 ? wide * 1e300 * 1e20 : wide / wide.abs().max();
        }
    }

    [Fact]
    public void Of_LongOrShortRows_HasGradientsOfTheirSize()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var (x, y) = (randn(4, 21), randn(4, 21));
        var expected = Slope(x, y);
        foreach (var size in new[] { 1e-30f, 1e30f })
            foreach (var other in new[] { 1e-30f, 1e30f })
                Assert.Equal(0, (Slope(x * size, y * other) * size / expected - 1).abs().max().item<float>(), 1e-4f);
        Gradient.Release();

        static Tensor Slope(Tensor x, Tensor y)
        {
            var leaf = x.detach().requires_grad_();
            return autograd.grad([CosineDistances.Of(leaf, y).sum()], [leaf])[0];
        }
    }

    [Theory, InlineData(double.NaN), InlineData(double.PositiveInfinity), InlineData(double.NegativeInfinity)]
    public void Of_ARowThatIsNotFinite_IsNaN_BesideAnyOther(double number)
    {
        foreach (var type in types)
        {
            using var scope = NewDisposeScope();
            var x = ones(3, 9, type);
            x[1, 8] = number;
            foreach (var y in new[] { ones(3, 9, type), zeros(3, 9, type), x })
                foreach (var distances in new[] { CosineDistances.Of(x, y), CosineDistances.Of(y, x) })
                    Assert.Equal([false, true, false], distances.isnan().data<bool>().ToArray());
        }
    }

    [Fact]
    public void Of_NoRows_IsEmpty()
    {
        using var scope = NewDisposeScope();
        var x = zeros(0, 4).requires_grad_();
        var distances = CosineDistances.Of(x, zeros(0, 4));
        Assert.Equal([0], distances.shape);
        distances.sum().backward();
        Assert.Equal([0, 4], x.grad!.shape);
        Gradient.Release();
    }
}
