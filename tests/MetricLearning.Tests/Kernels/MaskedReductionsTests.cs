using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class RowSumsTests
{
    private static readonly Dictionary<string, MaskedReduction> sums = new()
    {
        ["affine"] = new MaskedLogSumExp<Affine>(new(-7, 2)),
        ["affine, 0 if empty"] = new MaskedLogSumExp<Affine>(new(30), empty: 0),
        ["chord"] = new MaskedLogSumExp<ChordToCosine>(new(12)),
        ["self-paced pull"] = new MaskedLogSumExp<SelfPaced>(new(-20, 0.4, 1, 0.4)),
        ["self-paced push"] = new MaskedLogSumExp<SelfPaced>(new(20, 1.4, -1, 0.6)),
        ["hinge"] = new MaskedSum<HingeFunction>(new(-2, 1.5, squared: false)),
        ["squared hinge"] = new MaskedSum<HingeFunction>(new(2, -1, squared: true)),
        ["softmax mean"] = new MaskedSoftmaxMean(1, 1e-2),
        ["softmax mean of the nearest"] = new MaskedSoftmaxMean(-1, 1e-2),
        ["hinge mean"] = new MaskedHingeMean(new(1, -0.5, squared: false), 0, 1e-3),
        ["weighted hinge mean"] = new MaskedHingeMean(new(-1, 1.5, squared: false), 10, 1e-3, above: 0.1),
        ["mean"] = new MaskedMean(-3, empty: double.PositiveInfinity),
    };

    public static TheoryData<string> Names => [.. sums.Keys];

    [Theory, MemberData(nameof(Names))]
    public void Of_AgreesWithPlainTensors_InValueAndGradient(string name)
    {
        var sum = sums[name];
        foreach (var (type, tolerance) in new[] { (ScalarType.Float32, 3e-5), (ScalarType.Float64, 1e-13) })
            foreach (var width in new[] { 1, 3, 8, 29, 64 })
            {
                using var scope = NewDisposeScope();
                manual_seed(width);
                var x = (rand(width, 11, dtype: type).t() * 2).detach().requires_grad_();      // not contiguous
                var mask = Mask(11, width);
                var weights = randn(11, dtype: type);
                var (expected, actual) = (sum.Plain(x, mask), MaskedReductions.Of(x, mask, sum));
                Near(expected, actual, tolerance);
                Near(Slope(expected), Slope(actual), 10 * tolerance);

                Tensor Slope(Tensor numbers) =>
                    autograd.grad([numbers.where(numbers.isfinite(), zeros_like(numbers)).dot(weights)], [x])[0];
            }
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void Of_GradientAndItsGradient_AreThoseOfPlainTensors(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var x = (rand(6, 10, ScalarType.Float64) * 2).requires_grad_();
        var mask = Mask(6, 10).slice(0, 1, 6, 1);
        var used = x.slice(0, 1, 6, 1);
        Near(Second(sums[name].Plain(used, mask)), Second(MaskedReductions.Of(used, mask, sums[name])), 1e-12);
        Gradient.Release();

        Tensor Second(Tensor numbers)
        {
            var first = autograd.grad([numbers.pow(2).sum()], [x], retain_graph: true, create_graph: true)[0];
            return cat([first, autograd.grad([first.pow(2).sum()], [x])[0]]);
        }
    }

    [Theory, InlineData("affine"), InlineData("chord"), InlineData("mean"), InlineData("softmax mean"),
        InlineData("softmax mean of the nearest")]
    public void Gradient_IsThatOfCentralDifferences(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var x = (rand(4, 9, ScalarType.Float64) * 2).requires_grad_();
        var mask = Mask(4, 9).slice(0, 1, 4, 1);
        Tensor Value(Tensor at) => MaskedReductions.Of(at.slice(0, 1, 4, 1), mask, sums[name]).sin().sum();
        var gradient = autograd.grad([Value(x)], [x])[0];
        Gradient.Release();
        using var noGradient = no_grad();
        const double Step = 1e-5;
        for (var i = 0; i < x.numel(); i++)
        {
            var step = zeros(x.numel(), ScalarType.Float64);
            step[i] = Step;
            var difference = (Value(x + step.view_as(x)) - Value(x - step.view_as(x))).item<double>() / (2 * Step);
            Assert.Equal(difference, gradient.view(-1)[i].item<double>(), 1e-7);
        }
    }

    [Fact]
    public void Of_SeveralSums_AddsTheirGradients()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var x = rand(5, 20, ScalarType.Float64).requires_grad_();
        var (near, far) = (Mask(5, 20), Mask(5, 20).logical_not());
        var (pull, push) = (sums["mean"], sums["affine"]);
        var both = MaskedReductions.Of(x, (near, pull), (far, push));
        Assert.Equal([2, 5], both.shape);
        Near(stack([MaskedReductions.Of(x, near, pull), MaskedReductions.Of(x, far, push)], 0), both, 0);
        var usable = both.slice(1, 1, 5, 1).sin().sum();
        var apart = (MaskedReductions.Of(x, near, pull).slice(0, 1, 5, 1).sin() + MaskedReductions.Of(x, far, push).slice(0, 1, 5, 1).sin())
            .sum();
        Near(autograd.grad([apart], [x])[0], autograd.grad([usable], [x])[0], 1e-15);
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void Of_EmptyRow_HasItsStatedNumber_AndNoGradient(string name)
    {
        using var scope = NewDisposeScope();
        var x = rand(2, 13).requires_grad_();
        var mask = zeros(2, 13, ScalarType.Bool);
        var numbers = MaskedReductions.Of(x, mask, sums[name]);
        var expected = name switch
        {
            "mean" => double.PositiveInfinity,
            "affine, 0 if empty" or "hinge" or "squared hinge" or "softmax mean" or "softmax mean of the nearest" or "hinge mean"
                or "weighted hinge mean" => 0,
            _ => double.NegativeInfinity,
        };
        Assert.All(numbers.data<float>().ToArray(), number => Assert.Equal((float)expected, number));
        numbers.sum().backward();
        Assert.Equal(0, x.grad!.abs().max().item<float>());
        Gradient.Release();
    }

    [Theory, MemberData(nameof(Names))]
    public void Of_NaN_IsNeverLeftOut(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var kept in new[] { true, false })
            foreach (var place in new[] { 0, 12 })
            {
                var x = rand(2, 13);
                x[1, place] = float.NaN;
                x.requires_grad_();
                var mask = ones(2, 13, ScalarType.Bool);
                mask[1, place] = kept;
                var numbers = MaskedReductions.Of(x, mask, sums[name]);
                Assert.Equal([false, true], numbers.isnan().data<bool>().ToArray());
                numbers.sum().backward();
                var spoiled = x.grad!.isnan();
                Assert.False(spoiled[0].any().item<bool>());
                Assert.True(spoiled[1].all().item<bool>());
            }
        Gradient.Release();
    }

    [Fact]
    public void RowCount_CountsWhatIsNotZero_AndNaN()
    {
        using var scope = NewDisposeScope();
        var x = arange(24, ScalarType.Float32).view(2, 12);
        x[1, 3] = float.NaN;
        x.requires_grad_();
        var mask = ones(2, 12, ScalarType.Bool);
        mask[0, 0] = false;
        var count = new MaskedCount<HingeFunction>(new(-1, 5, squared: false));
        var counts = MaskedReductions.Of(x, mask, count);
        Assert.Equal([4, 1], counts.data<float>().ToArray());
        Assert.Equal([4, 1], count.Plain(x, mask).data<float>().ToArray());
        counts.sum().backward();
        Assert.Equal(0, x.grad!.abs().max().item<float>());
        Gradient.Release();
    }

    [Fact]
    public void LogSumExp_OfInfiniteLogits_IsInfinite()
    {
        using var scope = NewDisposeScope();
        var infinity = float.PositiveInfinity;
        var x = tensor(new[] { 0, infinity, 1, 2, -infinity, 1, -infinity, -infinity, -infinity }).view(3, 3);
        var mask = ones(3, 3, ScalarType.Bool);
        x.requires_grad_();
        var numbers = MaskedReductions.Of(x, mask, new MaskedLogSumExp<Affine>(new(1)));
        float[] actual = numbers.data<float>().ToArray();
        Assert.Equal(infinity, actual[0]);
        Assert.Equal(2 + Math.Log(1 + Math.Exp(-1)), actual[1], 1e-6);
        Assert.Equal(-infinity, actual[2]);
        numbers.sum().backward();
        Assert.Equal([true, false, true], x.grad!.isnan().all(1).data<bool>().ToArray());
        Assert.Equal(1, x.grad![1].sum().item<float>(), 1e-6f);
        Gradient.Release();
    }

    [Fact]
    public void LogSumExp_OfLargeLogits_DoesNotOverflow()
    {
        using var scope = NewDisposeScope();
        var x = full([1, 1000], 2.0, ScalarType.Float32);
        var actual = MaskedReductions.Of(x, ones(1, 1000, ScalarType.Bool), new MaskedLogSumExp<Affine>(new(5e4))).item<float>();
        Assert.Equal(1e5 + Math.Log(1000), actual, 0.01);
    }

    [Fact]
    public void EveryNumberOfThreads_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(8);
        var x = rand(257, 301).requires_grad_();
        var (near, far) = (Mask(257, 301), Mask(257, 301));
        var (one, two) = (Run(1), Run(2));
        Assert.Equal(one.Numbers, two.Numbers);
        Assert.Equal(one.Gradient, two.Gradient);
        Gradient.Release();

        (float[] Numbers, float[] Gradient) Run(int count)
        {
            using var threads = new TorchThreads(count);
            var numbers = MaskedReductions.Of(x, (near, sums["mean"]), (far, sums["self-paced push"]));
            var finite = numbers.slice(1, 1, 257, 1);
            return (numbers.data<float>().ToArray(), autograd.grad([finite.sum()], [x])[0].data<float>().ToArray());
        }
    }

    [Fact]
    public void Backward_LeavesNoTensor()
    {
        using var scope = NewDisposeScope();
        var (x, mask) = (randn(8, 16).requires_grad_(), ones(8, 16, ScalarType.Bool));
        long[] live = [.. Enumerable.Range(0, 20).Select(_ =>
        {
            using (NewDisposeScope()) MaskedReductions.Of(x, mask, sums["chord"]).sum().backward();
            Gradient.Release();
            return TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        })];
        Assert.Single(live.Skip(1).Distinct());
    }

    /// <summary>A mask that keeps nothing of row 0. Of each other row it keeps column 0 and about a third of the other entries.</summary>
    private static Tensor Mask(int rows, int columns)
    {
        var mask = rand(rows, columns) < 0.3;
        mask.select(1, 0).fill_(true);
        mask[0] = false;
        return mask;
    }

    private static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(((expected == actual) | ((expected - actual).abs() <= tolerance * (1 + expected.abs()))).all().item<bool>());
    }
}
