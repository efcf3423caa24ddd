using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that the kernel and tensor operations compute the same costs. If the own logits are a linear function given by numbers,
/// the kernel computes the costs. If the same function is given as a delegate, tensor operations compute them.</summary>
[LeavesNoTensors]
public class ClassCostTests
{
    private const int Rows = 17;

    private static readonly Dictionary<string, Func<ScalarType, ClassCost>> costs = new()
    {
        ["cross entropy"] = type => new CrossEntropyCost(type),
        ["without own"] = _ => new ForeignCost(),
        ["smoothed over all"] = _ => new SmoothedCost(0.1, LabelSmoothingForm.AllClasses),
        ["smoothed over others"] = _ => new SmoothedCost(0.3, LabelSmoothingForm.OtherClasses),
        ["all mass smoothed"] = _ => new SmoothedCost(1, LabelSmoothingForm.AllClasses),
        ["adaptive"] = _ => new SmoothedCost(0.2, LabelSmoothingForm.Adaptive),
        ["focal 2"] = type => new FocalCost(2, 0.25, type),
        ["focal 0.5"] = type => new FocalCost(0.5, 3, type),
        ["focal 0"] = type => new FocalCost(0, 1, type),
    };

    public static TheoryData<string> Names => [.. costs.Keys];

    [Theory, MemberData(nameof(Names))]
    public void KernelAndTensorOperations_Agree_InValueAndGradients(string name)
    {
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 2e-6), (ScalarType.Float64, 1e-13) })
            foreach (var (classes, spread) in new[] { (2, 1.0), (9, 4.0), (61, 30.0), (61, 1e-4), (300, 8.0) })
            {
                using var scope = NewDisposeScope();
                var (x, labels, weights) = Batch(classes, spread, type);
                var (kernel, plain) = (Of(x, labels, name, type, kernel: true), Of(x, labels, name, type, kernel: false));
                Assert.Equal(type, kernel.dtype);
                Near(plain, kernel, tolerance);
                Near(Slopes(plain, weights, x), Slopes(kernel, weights, x), tolerance);
            }
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void SecondDerivatives_OfTheKernel_AreThoseOfTensorOperations(string name)
    {
        using var scope = NewDisposeScope();
        var (x, labels, weights) = Batch(9, 2, ScalarType.Float64);
        Near(Second(kernel: false), Second(kernel: true), 1e-12);
        Gradient.Release();

        Tensor Second(bool kernel)
        {
            var value = (Of(x, labels, name, ScalarType.Float64, kernel) * weights).sum();
            var first = autograd.grad([value], [x], retain_graph: true, create_graph: true)[0];
            return autograd.grad([(first * first.detach().cos()).sum()], [x])[0];
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Float32Logits_WithLargeOffsets_HaveTheDigitsOfFloat64(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var offset in new[] { 1e4, -1e6 })
        {
            var (x, labels, weights) = Batch(40, 3, ScalarType.Float64);
            var single = (x.detach() + offset).to(ScalarType.Float32).requires_grad_();
            var exact = single.detach().to(ScalarType.Float64).requires_grad_();
            var (expected, actual) = (Of(exact, labels, name, ScalarType.Float64, kernel: false, scale: 1),
                Of(single, labels, name, ScalarType.Float32, kernel: true, scale: 1));
            Near(expected, actual, 2e-6);
            Near(Slopes(expected, weights, exact), Slopes(actual, weights, single), 2e-6);
        }
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void InfiniteAndNaNScores_GiveWhatTensorOperationsGive(string name)
    {
        using var scope = NewDisposeScope();
        var infinity = float.PositiveInfinity;
        foreach (var row in new[]
        {
            new[] { 1, -infinity, 2 }, [-infinity, 1, 2], [1, infinity, 2], [infinity, 1, 2], [1, -infinity, -infinity],
            [-infinity, -infinity, -infinity], [1, float.NaN, 2], [float.NaN, 1, 2], [200, 0, 0], [0, 200, 0],
        })
        {
            var x = tensor(row).unsqueeze(0);
            var label = zeros(1, ScalarType.Int64);
            var (plain, kernel) = (Run(kernel: false), Run(kernel: true));
            Assert.Equal(plain.Value, kernel.Value, 1e-6f);
            if (!float.IsFinite(plain.Value)) continue;
            for (var i = 0; i < row.Length; i++) Assert.Equal(plain.Gradient[i], kernel.Gradient[i], 1e-6f);

            (float Value, float[] Gradient) Run(bool kernel)
            {
                var leaf = x.clone().requires_grad_();
                var value = Of(leaf, label, name, ScalarType.Float32, kernel);
                return (value.item<float>(), [.. autograd.grad([value.sum()], [leaf])[0].data<float>()]);
            }
        }
        Gradient.Release();
    }

    [Fact]
    public void Softplus_KeepsTheDigitsOfSmallAndLargeArguments()
    {
        foreach (var x in new[] { -800, -700, -40, -36.5, -1, -1e-9, 0, 1e-9, 0.5, 3, 40, 1e300 })
        {
            using var scope = NewDisposeScope();
            var at = tensor(new[] { x }).requires_grad_();
            var expected = RowMath.Softplus(at);
            var (value, slope) = CrossEntropyCost.Softplus(x);
            Assert.Equal(1, value == 0 ? expected.item<double>() + 1 : expected.item<double>() / value, 1e-14);
            var slopeExpected = autograd.grad([expected.sum()], [at])[0].item<double>();
            Assert.Equal(1, slope == 0 ? slopeExpected + 1 : slopeExpected / slope, 1e-14);
        }
    }

    /// <summary>The costs. The logits are scale·(score − 0.2) of the own classes and scale·score of the others.</summary>
    private static Tensor Of(Tensor x, Tensor labels, string name, ScalarType type, bool kernel, double scale = 3)
    {
        var scores = new ClassScores(x);
        var logits = kernel ? new ClassLogits(scores, scale, 0.2) : new ClassLogits(scores, scale, own => own - 0.2);
        return logits.Costs(labels, costs[name](type));
    }

    private static Tensor Slopes(Tensor values, Tensor weights, Tensor x) =>
        autograd.grad([(values * weights.to(values.dtype)).sum()], [x])[0];

    private static (Tensor X, Tensor Labels, Tensor Weights) Batch(int classes, double spread, ScalarType type)
    {
        manual_seed(classes);
        // The scores are not contiguous.
        var x = (randn(classes, Rows, type).t() * spread).detach().requires_grad_();
        return (x, randint(classes, Rows, ScalarType.Int64), randn(Rows, ScalarType.Float64));
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        var difference = (expected.to(ScalarType.Float64) - actual.to(ScalarType.Float64)).abs();
        Assert.True((difference <= tolerance * (1 + expected.abs().to(ScalarType.Float64))).all().item<bool>(),
            $"{difference.max().item<double>():E2}");
    }
}
