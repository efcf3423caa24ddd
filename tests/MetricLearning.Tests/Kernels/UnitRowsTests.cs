using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class UnitRowsTests
{
    [Fact]
    public void Of_AgreesWithTensorOperations_BothWays_AndOnEveryNumberOfThreads()
    {
        foreach (var (type, rows, width) in new[] { (ScalarType.Float32, 7, 5), (ScalarType.Float32, 300, 1031), (ScalarType.Float64, 40, 21) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var x = (randn(width, rows, dtype: type) + 1).requires_grad_();        // its transpose is not contiguous
            var weights = randn(rows, width, dtype: type);
            var expected = UnitRows.Plain(x.t().to(ScalarType.Float64), 2);
            var gradient = autograd.grad([(expected * weights).sum()], [x])[0];
            var before = get_num_threads();
            var bits = new List<(Tensor, Tensor)>();
            foreach (var threads in (int[])[1, 2, 3])
            {
                set_num_threads(threads);
                var units = UnitRows.Of(x.t());
                bits.Add((units, autograd.grad([(units * weights).sum()], [x])[0]));
                Near(expected, units, type == ScalarType.Float32 ? 1e-6 : 1e-14);
                Near(gradient, bits[^1].Item2, type == ScalarType.Float32 ? 1e-6 : 1e-14);
                Assert.True(bits[^1].Item1.equal(bits[0].Item1).all().item<bool>() && bits[^1].Item2.equal(bits[0].Item2).all().item<bool>());
            }
            set_num_threads(before);
        }
        Gradient.Release();
    }

    [Fact]
    public void Of_GradientOfTheGradient_IsThatOfTensorOperations()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn(6, 5, dtype: ScalarType.Float64, requires_grad: true);
        Near(Second(UnitRows.Plain(x, 2)), Second(UnitRows.Of(x)), 1e-12);
        Gradient.Release();

        Tensor Second(Tensor units)
        {
            var first = autograd.grad([units.pow(3).sum()], [x], retain_graph: true, create_graph: true)[0];
            return autograd.grad([first.pow(2).sum()], [x])[0];
        }
    }

    [Theory, InlineData(0), InlineData(1e-20), InlineData(1e15)]
    public void Of_RowsOfAnyLength_HaveFiniteGradients(double scale)
    {
        using var scope = NewDisposeScope();
        var x = (ones(3, 20) * scale).requires_grad_();
        var units = UnitRows.Of(x);
        (units * arange(20)).sum().backward();
        Assert.True(x.grad!.isfinite().all().item<bool>());
        Assert.Equal(scale == 0 ? 0 : 1, units.norm(1)[1].item<float>(), 1e-3);
        Gradient.Release();
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance) =>
        Assert.True((expected.to(ScalarType.Float64) - actual).abs().max().item<double>()
            <= tolerance * (1 + expected.abs().max().to(ScalarType.Float64).item<double>()));
}
