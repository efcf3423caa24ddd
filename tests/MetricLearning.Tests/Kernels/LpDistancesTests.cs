using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class LpDistancesTests
{
    private static readonly double[] orders = [1, 2, 3, 4, 5, 6, 7, 2.5];

    [Theory, InlineData(1), InlineData(8), InlineData(37), InlineData(600)]
    public void Of_AgreesWithPlainTensors_ToTheGradientOfEachSide(int width)
    {
        foreach (var order in orders)
        {
            using var scope = NewDisposeScope();
            manual_seed(width);
            Tensor[] sides = [randn(width, 9).t().requires_grad_(), randn(9, width).requires_grad_()];
            using (no_grad()) sides[0][3].copy_(sides[1][3]);
            var weights = randn(9);
            var exact = All((x, y, p) => RowLengths.Of(x.to(ScalarType.Float64) - y.to(ScalarType.Float64), p));
            foreach (var (expected, actual) in exact.Zip(All(LpDistances.Of)))
                Assert.Equal(0, (expected - actual).abs().max().item<double>(), 3e-6 * Math.Max(1, expected.abs().max().item<double>()));

            Tensor[] All(Func<Tensor, Tensor, double, Tensor> function)
            {
                var value = function(sides[0], sides[1], order);
                return [.. new[] { value }.Concat(autograd.grad([(value * weights).sum()], sides)).Select(x => x.to(ScalarType.Float64))];
            }
        }
        Gradient.Release();
    }

    [Fact]
    public void Of_OneSideNeedsAGradient_TheOtherGetsNone()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var (x, y) = (randn(5, 7), randn(5, 7).requires_grad_());
        LpDistances.Of(x, y, 3).sum().backward();
        var wanted = y.detach().requires_grad_();
        LpDistances.Of(wanted, x, 3).sum().backward();
        Assert.Null(x.grad);
        Assert.Equal(y.grad!.data<float>().ToArray(), wanted.grad!.data<float>().ToArray());
        Gradient.Release();
    }

    /// <summary>A row is 0 away from itself and has the gradient 0. A distance that is NaN makes the gradient NaN. An infinite distance
    /// that does not count has the gradient 0.</summary>
    [Fact]
    public void Of_RowsThatAreNotFinite_DoNotPassForNumbers()
    {
        foreach (var order in (double[])[1, 2, 3])
        {
            using var scope = NewDisposeScope();
            var x = tensor(new[,] { { 1f, 2 }, { float.PositiveInfinity, 0 }, { float.NaN, 0 } }).requires_grad_();
            var distances = LpDistances.Of(x, tensor(new[,] { { 1f, 2 }, { 0, 0 }, { 0, 0 } }), order);
            Assert.Equal([0, float.PositiveInfinity, float.NaN], distances.data<float>().ToArray());
            distances.backward([tensor(new[] { 1f, 0, 1 })]);
            Assert.All(x.grad![..2].data<float>().ToArray(), value => Assert.Equal(0, value));
            Assert.All(x.grad![2].data<float>().ToArray(), value => Assert.True(float.IsNaN(value)));
        }
        Gradient.Release();
    }

    [Fact]
    public void Of_RowsOfAnySize_KeepsTheDigits()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var (x, y) = (randn(4, 21, ScalarType.Float64), randn(4, 21, ScalarType.Float64));
        foreach (var size in (double[])[1e-40, 1e-30, 1e-20, 1e18, 1e37])
            foreach (var order in orders)
            {
                var (a, b) = ((x * size).to(ScalarType.Float32).requires_grad_(), (y * size).to(ScalarType.Float32));
                var exact = a.detach().to(ScalarType.Float64).requires_grad_();
                var expected = LpDistances.Of(exact, b.to(ScalarType.Float64), order);
                var found = LpDistances.Of(a, b, order);
                Assert.Equal(0, ((found - expected) / expected).abs().max().item<double>(), size < 1e-38 ? 1e-4 : 1e-6);
                if (order > 6 || !double.IsInteger(order)) continue;
                found.sum().backward();
                expected.sum().backward();
                Assert.Equal(0, (a.grad! - exact.grad!).abs().max().item<double>(), 1e-6);
            }
        Gradient.Release();
    }

    [Fact]
    public void Of_NoRows_GivesNone()
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0], LpDistances.Of(zeros(0, 3), zeros(0, 3), 3).shape);
    }
}
