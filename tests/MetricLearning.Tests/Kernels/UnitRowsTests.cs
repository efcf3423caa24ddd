using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class UnitRowsTests
{
    [Theory, InlineData(1), InlineData(8), InlineData(37)]
    public void Of_AgreesWithPlainTensors_ToTheSecondGradient(int width) =>
        AgreeToTheSecondGradient(width, x => x / x.norm(1, keepdim: true), UnitRows.Of, 1e-5);

    /// <summary>Tests that two functions of [9, D] agree in values, gradients and second gradients. The last argument is the tolerance in
    /// float32.</summary>
    internal static void AgreeToTheSecondGradient(int width, Func<Tensor, Tensor> plain, Func<Tensor, Tensor> kernel, double single)
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, single), (ScalarType.Float64, 1e-13) })
        {
            using var scope = NewDisposeScope();
            manual_seed(width);
            var x = randn(width, 9, type).t().requires_grad_();
            var weights = randn(9, width, type);
            foreach (var (expected, actual) in All(plain(x)).Zip(All(kernel(x))))
                Assert.True(((expected - actual).abs() <= tolerance * (1 + expected.abs())).all().item<bool>());

            Tensor[] All(Tensor unit)
            {
                var value = (unit * weights).sin().sum();
                var once = autograd.grad([value], [x], retain_graph: true)[0];
                var first = autograd.grad([value], [x], retain_graph: true, create_graph: true)[0];
                return [unit, once, first, autograd.grad([first.pow(2).sum()], [x])[0]];
            }
        }
        Gradient.Release();
    }

    [Fact]
    public void Of_ZeroRow_StaysZero_AndPassesItsGradient()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 11).requires_grad_();
        var unit = UnitRows.Of(x);
        Assert.Equal(0, unit.abs().max().item<float>());
        unit.sum().backward();
        Assert.True((x.grad! == 1).all().item<bool>());
        Gradient.Release();
    }

    [Fact]
    public void Of_LongAndShortRows_HasTheLengthOne()
    {
        using var scope = NewDisposeScope();
        foreach (var (type, sizes) in new[]
        {
            (ScalarType.Float32, (double[])[1e-44, 1e-38, 1e-30, 1e30, 3e38]),
            (ScalarType.Float64, [5e-324, 1e-310, 1e-170, 1e170, 1.7e308]),
        })
            foreach (var size in sizes)
            {
                var rows = full(1, 16, size, type);
                foreach (var unit in new[] { UnitRows.Of(rows), UnitRows.Plain(rows) })
                    Assert.Equal(1, unit.to(ScalarType.Float64).norm().item<double>(), 1e-6);
                Assert.Equal(1, RowMath.Unit(rows, p: 1).to(ScalarType.Float64).abs().sum().item<double>(), 1e-6);
            }
    }

    [Fact]
    public void Of_NaN_SpoilsItsOwnRow()
    {
        using var scope = NewDisposeScope();
        var x = ones(2, 9);
        x[1, 8] = float.NaN;
        var unit = UnitRows.Of(x);
        Assert.False(unit[0].isnan().any().item<bool>());
        Assert.True(unit[1].isnan().all().item<bool>());
    }
}
