using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that every hand-written backward pass can be differentiated again, for a small batch and for a larger one.</summary>
[LeavesNoTensors]
public class SecondDerivativeTests
{
    /// <summary>There are two classes, so that all pairs × columns of the larger batch fill more than one block of
    /// <see cref="PairBlocks"/>.</summary>
    private const int FewRows = 12, ManyRows = 200;

    private static readonly EuclideanForm euclidean = new(Squared: false);

    /// <summary>Functions of [N, D], by the hand-written backward pass that they use.</summary>
    private static readonly (string Pass, string Name, Func<Tensor, Tensor> Function)[] functions =
    [
        (nameof(EuclideanMatrix), "distances", x => EuclideanMatrix.Of(x, x, new(Squared: false))),
        (nameof(EuclideanMatrix), "distances to others", x => EuclideanMatrix.Of(x, x.narrow(0, 2, 7), new(Squared: false))),
        (nameof(EuclideanMatrix), "distances with a floor", x => EuclideanMatrix.Of(x, x, new(Squared: false, 1e-12))),
        (nameof(EuclideanMatrix), "squares", x => EuclideanMatrix.Of(x, x, new(Squared: true))),
        (nameof(ManhattanMatrix), "distances", x => ManhattanMatrix.Of(x, x.narrow(0, 2, 7).exp())),
        (nameof(MaskedReductions), "log-sum-exp", x => RowMath.LogSumExp(x, x.detach() > -0.5012345)),
        (nameof(MaskedReductions), "softmax mean", x => MaskedReductions.Of(x, (x.detach() > -0.5012345, new MaskedSoftmaxMean(1, 0)))),
        (nameof(ClassSums), "smoothed cross entropy", x =>
            new ClassLogits(new ClassScores(x), 2).SmoothedCosts(RowMath.Rows(x) % 9, 0.1, LabelSmoothingForm.AllClasses)),
        (nameof(ClassSums), "cross entropy of a product", x =>
            new ClassLogits(new ClassScores(x, x.narrow(0, 2, 7).exp()), 2, own => own.pow(3)).Costs(RowMath.Rows(x) % 7)),
        (nameof(Product), "product", x => Product.Of(x, x)),
        (nameof(Product), "one minus", x => Product.OneMinus(x, x)),
        (nameof(Product), "negative", x => Product.Negative(x, x)),
        (nameof(DiagonalCost), "diagonal and others", x => DiagonalCost.Of(x.t().matmul(x), 1, 2, 0.3)),
        (nameof(SoftTargetSum), "cross entropy", x => SoftTargetSum.Of(x, arange(x.numel(), x.dtype).view(x.shape).sin())),
        (nameof(TwoWayCosts), "two-way costs", x => TwoWayCosts.Of(x.t().matmul(x) / x.size(0), x[0, 0])),
        (nameof(UnitColumns), "unit columns", UnitColumns.Of),
        (nameof(UnitRows), "unit rows", UnitRows.Of),
        (nameof(CosineDistances), "cosine distances", x => CosineDistances.Of(x, x.roll(2, 0))),
        (nameof(EuclideanDistances), "distances of row pairs", x => EuclideanDistances.Of(x, x.roll(2, 0), euclidean)),
        (nameof(LpDistances), "Lp distances of row pairs", x => LpDistances.Of(x, x.roll(2, 0), 3)),
        // The kernel takes float32 alone.
        (nameof(LpMatrix), "Lp distances", x => x.dtype == ScalarType.Float32 ? LpMatrix.Of(x, x.narrow(0, 2, 7).exp(), 3)
            : (x.unsqueeze(1) - x.narrow(0, 2, 7).exp()).abs().pow(3).sum(2).pow(1.0 / 3)),
        (nameof(SoftMaxima), "soft maxima", x => SoftMaxima.Of(x, 3, 0.7)),
        (nameof(SelectedDistances), "distances", x => SelectedDistances.Of(x, x, RowMath.Rows(x), RowMath.Rows(x).flip(0), euclidean)),
        (nameof(FusedTripletCosts), "soft costs", x => FusedTripletCosts.Of(x, x, Shifted(x.size(0)), euclidean, new(1, 1, 1, Soft: true))),
        (nameof(UpperLimit), "cubes", x => UpperLimit.Of(x.pow(3), 1.5)),
        (nameof(PairBlocks), "triplet soft", Loss(() => new TripletLoss { SoftMargin = true, Miner = Miner.All })),
        (nameof(PairBlocks), "quadruplet", Loss(() => new QuadrupletLoss(20, 20) { Miner = Miner.All })),
        (nameof(PairBlocks), "angular", Loss(() => new AngularLoss())),
        (nameof(PairBlocks), "smooth AP", Loss(() => new SmoothApLoss(temperature: 0.1))),
    ];

    public static TheoryData<string, string, int> Cases
    {
        get
        {
            var data = new TheoryData<string, string, int>();
            foreach (var (pass, name, _) in functions)
                foreach (var rows in (int[])[FewRows, ManyRows]) data.Add(pass, name, rows);
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void GradientOfTheGradient_IsThatOfCentralDifferences(string pass, string name, int rows)
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var function = functions.Single(f => (f.Pass, f.Name) == (pass, name)).Function;
        // All numbers differ by more than the step, because an absolute difference has no derivative at 0.
        var x = (randperm(rows * 9, ScalarType.Float64) / (rows * 9.0) * 4 - 2).view(rows, 9);
        var direction = randn(rows, 9, ScalarType.Float64);
        const double step = 1e-6;
        var expected = (First(x + step * direction).detach() - First(x - step * direction).detach()) / (2 * step);
        var scale = expected.abs().max().item<double>();
        Assert.True(scale > 0);
        Assert.Equal(0, (Second(x) - expected).abs().max().item<double>(), 1e-5 * scale);
        Assert.Equal(0, (Second(x.to(ScalarType.Float32)) - expected).abs().max().item<double>(), 2e-3 * scale);
        Gradient.Release();

        Tensor First(Tensor at, bool differentiable = false)
        {
            if (!at.requires_grad) at.requires_grad_();
            var value = function(at);
            // The weights differ, so that no part of the second derivative cancels.
            var weights = arange(value.numel(), value.dtype).cos().view(value.shape);
            return autograd.grad([(value * weights).sum()], [at], create_graph: differentiable, retain_graph: differentiable)[0];
        }

        Tensor Second(Tensor at)
        {
            var gradient = First(at, differentiable: true);
            return autograd.grad([(gradient * direction).sum()], [at])[0];
        }
    }

    [Fact]
    public void EveryHandWrittenBackwardPass_HasACase()
    {
        var passes = typeof(Distance).Assembly.GetTypes()
            .Where(type => type.BaseType is { IsGenericType: true } @base
                && @base.FullName!.StartsWith("TorchSharp.torch+autograd+", StringComparison.Ordinal)
                && @base.Name.Contains("Function", StringComparison.Ordinal))
            .Select(type => type.Name).Order(StringComparer.Ordinal);
        Assert.Equal(passes, functions.Select(f => f.Pass).Distinct().Order(StringComparer.Ordinal));
    }

    private static Triplets Shifted(long rows)
    {
        Tensor By(long places) => arange(rows).roll(places);
        return new(By(0), By(1), By(2), rows, rows);
    }

    private static Func<Tensor, Tensor> Loss(Func<MetricLoss> create) => x =>
    {
        using var loss = create();
        return loss.call(x, arange(x.size(0)) % 2);
    };
}
