using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class SelectedDistancesTests
{
    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Of_AgreesWithPlainTensors_InValueAndGradient(bool squared, bool itself)
    {
        foreach (var (type, width) in new[] { (ScalarType.Float32, 5), (ScalarType.Float32, 150), (ScalarType.Float64, 5),
            (ScalarType.Float64, 67) })
        {
            using var scope = NewDisposeScope();
            manual_seed(3);
            var x = randn(width, 11, dtype: type).t().requires_grad_();        // not contiguous
            var y = itself ? x : randn(7, width, dtype: type, requires_grad: true);
            var (rows, columns) = (randint(11, [60]), randint(7, [60]));
            var weights = randn(60, dtype: type);
            var difference = x.index_select(0, rows) - y.index_select(0, columns);
            var expected = squared ? difference.pow(2).sum(1) : difference.norm(1);
            var actual = SelectedDistances.Of(x, y, rows, columns, new(squared));
            var tolerance = type == ScalarType.Float32 ? 1e-4 : 1e-12;
            Near(expected, actual, tolerance);
            var inputs = itself ? new List<Tensor> { x } : [x, y];
            var wanted = autograd.grad([(expected * weights).sum()], inputs);
            foreach (var (a, b) in wanted.Zip(autograd.grad([(actual * weights).sum()], inputs))) Near(a, b, tolerance);
        }
        Gradient.Release();
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Of_GradientOfTheGradient_IsThatOfPlainTensors(bool squared)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var x = randn(6, 5, dtype: ScalarType.Float64, requires_grad: true);
        var (rows, columns) = (tensor([0L, 1, 2, 5, 0]), tensor([1L, 3, 4, 2, 5]));
        var difference = x.index_select(0, rows) - x.index_select(0, columns);
        Near(Second(squared ? difference.pow(2).sum(1) : difference.norm(1)),
            Second(SelectedDistances.Of(x, x, rows, columns, new(squared))), 1e-12);

        Tensor Second(Tensor distances)
        {
            var first = autograd.grad([distances.pow(3).sum()], [x], retain_graph: true, create_graph: true)[0];
            return autograd.grad([first.pow(2).sum()], [x])[0];
        }
    }

    [Fact]
    public void Of_EqualRows_HasTheGradientZero()
    {
        using var scope = NewDisposeScope();
        var x = ones(3, 20, requires_grad: true);
        SelectedDistances.Of(x, x, tensor([0L, 1, 2]), tensor([1L, 2, 2]), new(Squared: false)).sum().backward();
        Assert.Equal(0, x.grad!.abs().max().item<float>());
        Gradient.Release();
    }

    [Fact]
    public void Of_IndexOutOfRange_NamesIt()
    {
        using var scope = NewDisposeScope();
        var x = ones(3, 2);
        var failure = Assert.Throws<ArgumentException>(() => SelectedDistances.Of(x, x, tensor([0L, 3]), tensor([0L, 0]),
            new(Squared: true)));
        Assert.StartsWith("rows must be in [0, 3), got 3 in row 1.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_LeaveNoTensor()
    {
        using var scope = NewDisposeScope();
        using var x = randn(8, 16).requires_grad_();
        using var y = tensor([0L, 0, 1, 1, 2, 2, 3, 3]);
        using var loss = new TripletLoss();
        void Step()
        {
            using var value = loss.call(x, y);
            value.backward();
        }
        Step();
        Gradient.Release();
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var step = 0; step < 100; step++) Step();
        Gradient.Release();
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        var (largest, gap) = (expected.abs().max().to(ScalarType.Float64), (expected - actual).abs().max().to(ScalarType.Float64));
        Assert.True(gap.item<double>() <= tolerance * (1 + largest.item<double>()));
    }
}
