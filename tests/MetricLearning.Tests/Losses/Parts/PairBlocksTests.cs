using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that sums over all pairs or triplets of a row have the value and gradient of the tuples one by one.</summary>
[LeavesNoTensors]
public class PairBlocksTests
{
    private static readonly Dictionary<string, Func<Reducer, TupleLoss>> losses = new()
    {
        ["hinge"] = reducer => new TripletLoss(0.3) { Miner = Miner.All, Reducer = reducer },
        ["soft"] = reducer => new TripletLoss(0.1) { Miner = Miner.All, Reducer = reducer, SoftMargin = true },
        ["swap"] = reducer => new TripletLoss(0.3) { Miner = Miner.All, Reducer = reducer, Swap = true, Distance = Distance.Cosine },
        ["harder"] = reducer => new TripletLoss(0.3) { Miner = Miner.All, Reducer = reducer, HardFactor = 0.2 },
        ["quadruplet"] = reducer => new QuadrupletLoss { Miner = Miner.All, Reducer = reducer },
        ["dynamic margin"] = reducer => new DynamicSoftMarginLoss { Reducer = reducer },
        ["dynamic margin differentiated"] = reducer =>
            new DynamicSoftMarginLoss(momentum: 0.3) { Reducer = reducer, DifferentiateWeights = true },
        ["intra-pair variance"] = reducer => new IntraPairVarianceLoss { Reducer = reducer },
    };

    private static readonly Dictionary<string, Reducer> reducers = new()
    {
        ["mean"] = Reducer.Mean, ["sum"] = Reducer.Sum, ["non-zero"] = Reducer.NonZeroMean, ["per anchor"] = Reducer.PerAnchor,
        ["class-weighted"] = Reducer.ClassWeighted(1, 2, 0.5, 1, 3, 1),
            ["each term"] = Reducer.ForEachTerm(Reducer.NonZeroMean, Reducer.Mean),
        ["non-zero per anchor"] = Reducer.EachAnchor(Reducer.NonZeroMean),
    };

    public static MatrixTheoryData<string, string> Cells => new(losses.Keys, reducers.Keys);

    [Theory, MemberData(nameof(Cells))]
    public void ALargeBatch_IsTheSame_OneByOne(string name, string reducer)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 192, 5), arange(192, ScalarType.Int64) % 6); // 192 · 31 positive pairs by 192 columns
        var asSums = losses[name](reducers[reducer]);
        var oneByOne = losses[name](new OneByOne(reducers[reducer]));
        var (value, gradient) = Run(asSums, x, y);
        var (expected, expectedGradient) = Run(oneByOne, x, y);
        Assert.Equal(expected, value, 1e-9 * Math.Max(1, Math.Abs(expected)));
        Assert.True((gradient - expectedGradient).abs().max().item<double>() <= 1e-10
            * Math.Max(1, expectedGradient.abs().max().item<double>()));
        foreach (var (buffer, state) in oneByOne.state_dict()) Assert.True(asSums.state_dict()[buffer].allclose(state, 1e-12, 1e-15),
            buffer);
        var (report, expectedReport) = (asSums.Report(x, y), oneByOne.Report(x, y));
        Assert.Equal((expectedReport.Terms, expectedReport.Active), (report.Terms, report.Active));
    }

    public static TheoryData<string> Names => [.. losses.Keys];

    [Theory, MemberData(nameof(Names))]
    public void ALargeBatch_ComesAsSums(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 192, 5), arange(192, ScalarType.Int64) % 6);
        using var loss = losses[name](new AsSums());
        Assert.True(double.IsFinite(loss.call(x, y).item<double>()));
    }

    [Fact]
    public void TheHistogramOfEveryStep_IsThatOfTripletsOneByOne()
    {
        using var scope = NewDisposeScope();
        using var asSums = new DynamicSoftMarginLoss(bins: 40, momentum: 0.3);
        using var oneByOne = new DynamicSoftMarginLoss(bins: 40, momentum: 0.3) { Reducer = new OneByOne(Reducer.Mean) };
        for (var step = 0; step < 3; step++)
        {
            var (x, y) = (LossTable.Random(step, 192, 5), arange(192, ScalarType.Int64) % 6);
            if (step == 1) x[7, 1] = double.NaN;
            var (value, expected) = (asSums.call(x, y).item<double>(), oneByOne.call(x, y).item<double>());
            Assert.Equal(expected, value, 12);
            Assert.True(asSums.state_dict()["histogram"].allclose(oneByOne.state_dict()["histogram"], 1e-12, 1e-15));
        }
    }

    [Fact]
    public void ALargeBatch_AgainstReferences()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 96, 5), arange(96, ScalarType.Int64) % 3);
        var (references, labels) = (LossTable.Random(4, 192, 5), arange(192, ScalarType.Int64) % 4);
        double Value(Reducer reducer, Tensor x, Tensor references)
        {
            using var loss = new TripletLoss { Miner = Miner.All, Reducer = reducer, Swap = true };
            var value = loss.forward(x, y, references, labels);
            value.backward();
            return value.item<double>();
        }
        var (x1, r1, x2, r2) = (Leaf(x), Leaf(references), Leaf(x), Leaf(references));
        Assert.Equal(Value(new OneByOne(Reducer.Mean), x2, r2), Value(Reducer.Mean, x1, r1), 10);
        Assert.True(x1.grad!.allclose(x2.grad!, 1e-9, 1e-12) && r1.grad!.allclose(r2.grad!, 1e-9, 1e-12));
    }

    [Fact]
    public void ANaN_IsSeen()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 192, 5), arange(192, ScalarType.Int64) % 6);
        x[7, 1] = double.NaN;
        using var loss = new TripletLoss { Miner = Miner.All };
        Assert.True(double.IsNaN(loss.call(x, y).item<double>()));
    }

    [Fact]
    public void Blocks_HaveTheGradientOfOnePiece_AndNoneWithoutOne()
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = (tensor([0L, 0, 1, 2, 3]), tensor([1L, 2, 0, 3, 1]));
        var (matrix, mask) = (LossTable.Random(1, 4, 4), LossTable.Random(2, 4, 4) > 0);
        static Tensor Values(IReadOnlyList<Tensor> m, Tensor rows, Tensor columns) =>
            (m[0].index_select(0, rows).exp() * m[1].index_select(0, rows)).sum(1) * m[0].index_select(0, columns).sum(1);
        var weights = LossTable.Random(3, 5, 1).squeeze(1);
        var (one, many) = (Leaf(matrix), Leaf(matrix));
        (Values([one, mask], rows, columns) * weights).sum().backward();
        var inBlocks = PairBlocks.Map([many, mask], rows, columns, 4, Values, fewElements: 8);
        (inBlocks * weights).sum().backward();
        Assert.True(one.grad!.allclose(many.grad!, 1e-12, 1e-12));
        Assert.False(PairBlocks.Map([matrix, mask], rows, columns, 4, Values, fewElements: 8).requires_grad);
    }

    [Fact]
    public void ManySteps_LeaveNothingBehind()
    {
        using var random = new Generator(3);
        using var x = randn([192, 5], generator: random).requires_grad_();
        using var y = tensor([.. Enumerable.Range(0, 192).Select(i => i % 6L)]);
        using var loss = new TripletLoss { Miner = Miner.All };
        void Step()
        {
            using var scope = NewDisposeScope();
            loss.call(x, y).backward();
        }
        Step();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 5; i++) Step();
        Assert.Equal(before, Tensor.TotalCount);
    }

    private static Tensor Leaf(Tensor x) => x.detach().clone().requires_grad_();

    private static (double Value, Tensor Gradient) Run(TupleLoss loss, Tensor x, Tensor y)
    {
        var leaf = Leaf(x);
        var value = loss.call(leaf, y);
        value.backward();
        return (value.item<double>(), leaf.grad!);
    }

    /// <summary>Computes the sum, and accepts only terms that are sums.</summary>
    private sealed class AsSums : Reducer
    {
        internal override bool TakesSums(bool signed) => true;

        protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
        {
            Assert.NotNull(term.Counts);
            return term.Values.sum();
        }
    }

    /// <summary>Computes the same number as another reducer, but accepts only terms of single values.</summary>
    private sealed class OneByOne(Reducer reducer) : Reducer
    {
        protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
        {
            Assert.Null(term.Counts);
            return reducer.Reduce(term, batch);
        }
    }
}
