using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the losses on tuples against loops over pairs and triplets, and the special cases of each.</summary>
[LeavesNoTensors]
public class TupleLossTests
{
    private const int N = 12;

    [Fact]
    public void Hadsell_IsTheMeanOfSquaresOverAllPairs()
    {
        using var scope = NewDisposeScope();
        var (d, y, x, labels) = Batch();
        var expected = Pairs().Average(p => y[p.A] == y[p.B] ? d[p.A, p.B] * d[p.A, p.B] : Math.Pow(Math.Max(0, 4 - d[p.A, p.B]), 2));
        using var loss = ContrastiveLoss.Hadsell(margin: 4);
        Assert.Equal(expected, loss.call(x, labels).item<double>(), 10);
    }

    [Fact]
    public void Quadruplet_TakesTheNearestRowOfAThirdClass()
    {
        using var scope = NewDisposeScope();
        var (d, y, x, labels) = Batch();
        var first = new List<double>();
        var second = new List<double>();
        foreach (var (a, p) in Pairs().Where(pair => y[pair.A] == y[pair.B]))
            foreach (var n in Enumerable.Range(0, N).Where(n => y[n] != y[a]))
            {
                first.Add(Math.Max(0, d[a, p] - d[a, n] + 1));
                var third = Enumerable.Range(0, N).Where(k => y[k] != y[a] && y[k] != y[n]).Min(k => d[n, k]);
                second.Add(Math.Max(0, d[a, p] - third + 0.5));
            }
        using var loss = new QuadrupletLoss { Distance = Distance.Euclidean, Miner = Miner.All };
        Assert.Equal(first.Average() + second.Average(), loss.call(x, labels).item<double>(), 10);

        using var twoClasses = new QuadrupletLoss { Distance = Distance.Euclidean, Miner = Miner.All };
        using var triplet = new TripletLoss(margin: 1) { Miner = Miner.All };
        var two = labels % 2;
        Assert.Equal(triplet.call(x, two).item<double>(), twoClasses.call(x, two).item<double>(), 10);
    }

    [Fact]
    public void CentroidTriplet_LeavesTheAnchorOutOfItsOwnCentroid()
    {
        using var scope = NewDisposeScope();
        var (_, y, x, labels) = Batch();
        Tensor Mean(IEnumerable<int> rows) => x[tensor(rows.Select(row => (long)row).ToArray())].mean([0]);
        double Far(Tensor a, Tensor b) => (a - b).norm().item<double>();
        var values = new List<double>();
        for (var a = 0; a < N; a++)
        {
            var own = Mean(Enumerable.Range(0, N).Where(row => row != a && y[row] == y[a]));
            foreach (var other in y.Distinct().Where(label => label != y[a]))
                values.Add(Math.Max(0, Far(x[a], own) - Far(x[a], Mean(Enumerable.Range(0, N).Where(row => y[row] == other))) + 1.5));
        }
        using var loss = new CentroidTripletLoss(margin: 1.5) { Distance = Distance.Euclidean, Reducer = Reducer.Mean };
        Assert.Equal(values.Average(), loss.call(x, labels).item<double>(), 10);
    }

    [Fact]
    public void CentroidTriplet_ARowAloneInItsClassIsANegativeOnly()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new double[,] { { 0, 0 }, { 1, 0 }, { 3, 0 } });
        using var loss = new CentroidTripletLoss(margin: 3) { Distance = Distance.Euclidean, Reducer = Reducer.Sum };
        Assert.Equal((1 - 3 + 3) + (1 - 2 + 3), loss.call(x, tensor([0L, 0, 1])).item<double>(), 12);
    }

    [Fact]
    public void TupletMargin_IsTheLossByArccos_AndFiniteForEqualRows()
    {
        using var scope = NewDisposeScope();
        var (_, y, x, labels) = Batch();
        var unit = x / x.norm(1, keepdim: true);
        var cos = unit.matmul(unit.t());
        double Cost(int a, int p) => Math.Log(1 + Enumerable.Range(0, N).Where(n => y[n] != y[a])
            .Sum(n => Math.Exp(8 * (cos[a, n].item<double>() - Math.Cos(Math.Acos(cos[a, p].item<double>()) - 0.1)))));
        var expected = Pairs().Where(pair => y[pair.A] == y[pair.B]).Average(pair => Cost(pair.A, pair.B));
        using var loss = new TupletMarginLoss(degrees: 0.1 * 180 / Math.PI, scale: 8);
        Assert.Equal(expected, loss.call(x, labels).item<double>(), 7);

        var equal = ones([3, 4], ScalarType.Float32).requires_grad_();
        var value = loss.call(equal, tensor([0L, 0, 1]));
        value.backward();
        Assert.Equal(Math.Log(1 + Math.Exp(8 * (1 - Math.Cos(0.1)))), value.item<float>(), 4);
        Assert.True(equal.grad!.isfinite().all().item<bool>());
    }

    [Fact]
    public void NTXent_OfTwoViews_IsInfoNce()
    {
        using var scope = NewDisposeScope();
        var (one, two) = (LossTable.Random(1, 5, 4), LossTable.Random(2, 5, 4));
        var rows = arange(5, ScalarType.Int64);
        var scores = (one / one.norm(1, keepdim: true)).matmul((two / two.norm(1, keepdim: true)).t()) / 0.2;
        using var loss = new NTXentLoss(temperature: 0.2);
        Assert.Equal(nn.functional.cross_entropy(scores, rows).item<double>(), loss.forward(one, rows, two, rows).item<double>(), 9);
    }

    [Fact]
    public void SupCon_OfAnchorsAndReferences_IsTheNPairsLossOfTensorFlowAddons()
    {
        using var scope = NewDisposeScope();
        var (anchors, positives) = (LossTable.Random(1, 5, 4), LossTable.Random(2, 5, 4));
        var labels = tensor([0L, 1, 0, 2, 1]);
        var same = (labels.unsqueeze(1) == labels).to(ScalarType.Float64);
        var targets = same / same.sum(1, keepdim: true);
        var expected = -(targets * anchors.matmul(positives.t()).log_softmax(1)).sum(1).mean();
        using var loss = new SupConLoss(temperature: 1) { Distance = Distance.Dot, Reducer = Reducer.Mean };
        Assert.Equal(expected.item<double>(), loss.forward(anchors, labels, positives, labels).item<double>(), 10);
    }

    [Fact]
    public void LiftedStructure_OnReferences_GivesAPositiveTheBatchAsItsNegatives()
    {
        using var scope = NewDisposeScope();
        var (x, references) = (LossTable.Random(1, 3, 4), LossTable.Random(2, 4, 4));
        long[] y = [0, 1, 2], z = [1, 0, 0, 2];
        var d = Distance.Euclidean.Matrix(x, references);
        var values = new List<double>();
        for (var a = 0; a < 3; a++)
            for (var p = 0; p < 4; p++)
            {
                if (y[a] != z[p]) continue;
                var sum = Enumerable.Range(0, 4).Where(n => z[n] != y[a]).Sum(n => Math.Exp(1 - d[a, n].item<double>()))
                    + Enumerable.Range(0, 3).Where(n => y[n] != z[p]).Sum(n => Math.Exp(1 - d[n, p].item<double>()));
                values.Add(Math.Pow(Math.Max(0, d[a, p].item<double>() + Math.Log(sum)), 2) / 2);
            }
        using var loss = new LiftedStructureLoss { Distance = Distance.Euclidean };
        Assert.Equal(values.Average(), loss.forward(x, tensor(y), references, tensor(z)).item<double>(), 9);
    }

    [Fact]
    public void Margin_OnAllPairs_IsThatOnAllTriplets()
    {
        using var scope = NewDisposeScope();
        var (_, _, x, labels) = Batch();
        using var pairs = MetricLearning.Pairs.FromLabels(labels);
        using var loss = new MarginLoss(beta: 1, nu: 0.1, learnedBetas: 1);
        using var triplets = pairs.AsTriplets();
        Assert.Equal(loss.forward(x, triplets).item<double>(), loss.call(x, labels).item<double>(), 9);
    }

    /// <summary>As in pytorch-metric-learning: a triplet is one value, the sum of its two hinges.</summary>
    [Fact]
    public void Margin_WithAReducerOfValues_ReducesTriplets()
    {
        using var scope = NewDisposeScope();
        var (d, y, x, labels) = Batch();
        var values = new List<double>();
        foreach (var (a, p) in Pairs().Where(pair => y[pair.A] == y[pair.B]))
            foreach (var n in Enumerable.Range(0, N).Where(n => y[n] != y[a]))
                values.Add(Math.Max(0, d[a, p] - 3 + 0.2) + Math.Max(0, 3 - d[a, n] + 0.2));
        Assert.Contains(0, values);
        MarginLoss Of(Reducer reducer, Miner miner) => new(beta: 3) { Distance = Distance.Euclidean, Reducer = reducer, Miner = miner };
        using var mean = Of(Reducer.Mean, Miner.All);
        Assert.Equal(values.Average(), mean.call(x, labels).item<double>(), 10);
        using var nonZero = Of(Reducer.NonZeroMean, Miner.All);
        Assert.Equal(values.Where(value => value > 0).Average(), nonZero.call(x, labels).item<double>(), 10);
        using var divisor = Of(Reducer.Divisor, Miner.All);
        Assert.Equal(values.Count, divisor.Values(x, labels).Single().Values.size(0));
        Assert.Equal(values.Sum(), divisor.Values(x, labels).Single().Values.sum().item<double>(), 9);
        Assert.Equal(divisor.call(x, labels).item<double>(),
            (divisor.Values(x, labels).Single().Values.sum() / divisor.Values(x, labels).Single().Divisor!).item<double>(), 10);

        // Pairs in no triplet are no values: each anchor has one triplet here.
        using var hard = Of(Reducer.Mean, new BatchHardMiner());
        Assert.Equal(N, hard.Report(x, labels).Terms);
    }

    [Fact]
    public void Margin_LearnsItsBetas()
    {
        using var scope = NewDisposeScope();
        var (_, _, x, labels) = Batch();
        foreach (var betas in new[] { 1, 4 })
        {
            using var loss = new MarginLoss(beta: 1, nu: 0.1, learnedBetas: betas);
            Assert.Equal(["beta"], loss.named_parameters().Select(parameter => parameter.name));
            loss.call(x, labels).backward();
            using var gradient = loss.Beta!.grad!;
            const double step = 1e-3;
            for (var i = 0; i < betas; i++)
            {
                double At(double delta)
                {
                    using var moved = new MarginLoss(beta: 1, nu: 0.1, learnedBetas: betas);
                    using (no_grad()) moved.Beta![i].add_(delta);
                    return moved.call(x, labels).item<double>();
                }
                Assert.Equal((At(step) - At(-step)) / (2 * step), gradient[i].item<float>(), 1e-3);
            }
        }
    }

    [Fact]
    public void Margin_NamesALabelOutOfRange()
    {
        using var scope = NewDisposeScope();
        using var loss = new MarginLoss(learnedBetas: 2);
        var error = Assert.Throws<ArgumentException>(() => loss.call(ones(3, 2), tensor([0L, 0, 2])));
        Assert.StartsWith("labels must be in [0, 2), got 2 in row 2.", error.Message);
    }

    [Fact]
    public void DynamicSoftMargin_KeepsItsHistogram()
    {
        using var scope = NewDisposeScope();
        var (_, _, x, labels) = Batch();
        using var loss = new DynamicSoftMarginLoss(momentum: 0.5);
        Assert.Equal(["histogram"], loss.state_dict().Keys);
        Tensor Histogram() => loss.state_dict()["histogram"].clone();

        loss.Report(x, labels);
        Assert.Equal(0, Histogram().sum().item<double>());
        loss.call(x, labels);
        var first = Histogram();
        Assert.Equal(1, first.sum().item<double>(), 12);
        loss.eval();
        loss.call(-x.flip(1) * labels.unsqueeze(1), labels);
        Assert.True(Same(first, Histogram()));
        loss.train();
        loss.call(x.flip(0), labels);
        Assert.False(Same(first, Histogram()));
        loss.call(x * double.NaN, labels);
        Assert.Equal(1, Histogram().sum().item<double>(), 12);
    }

    [Fact]
    public void DynamicSoftMargin_WeighsByTheShareOfEasierTriplets()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new double[,] { { 0 }, { 1 }, { 1.5 } });
        // The gaps are 1 − 1.5 = −0.5 and 1 − 0.5 = 0.5. The bins have width 1 from −2, so each gap counts half in its bin and
        // half in the next.
        using var loss = new DynamicSoftMarginLoss(bins: 4) { Distance = Distance.Euclidean };
        var weights = (Low: 0.25, High: 0.75);
        Assert.Equal((weights.Low * -0.5 + weights.High * 0.5) / 2, loss.call(x, tensor([0L, 0, 1])).item<double>(), 12);
    }

    [Fact]
    public void LossesThatNeedLabels_SaySo()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(1, 6, 4);
        using var triplets = Triplets.Packed(6);
        foreach (var loss in new TupleLoss[] { new NPairsLoss(), new QuadrupletLoss(), new MarginLoss(learnedBetas: 3) })
        {
            var error = Assert.Throws<InvalidOperationException>(() => loss.forward(x, triplets));
            Assert.Contains("needs labels, but tuples were given.", error.Message, StringComparison.Ordinal);
            loss.Dispose();
        }
    }

    [Fact]
    public void SignalToNoise_IsTheRatioOfVariances()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 4, 5), LossTable.Random(2, 4, 5));
        var expected = (x - y).var(1) / x.var(1);
        Assert.True(expected.allclose(Distance.SignalToNoise.Pairwise(x, y)));
        Assert.True(expected.allclose(Distance.SignalToNoise.Matrix(x, y).diagonal()));
        Assert.True(Distance.SignalToNoise.Matrix(ones(2, 5, ScalarType.Float64), y).isfinite().all().item<bool>());
    }

    private static (double[,] Distances, long[] Labels, Tensor Embeddings, Tensor LabelTensor) Batch()
    {
        var (x, labels) = LossTable.Batch();
        var d = new double[N, N];
        for (var i = 0; i < N; i++)
            for (var j = 0; j < N; j++)
                d[i, j] = (x[i] - x[j]).norm().item<double>();
        return (d, labels.data<long>().ToArray(), x, labels);
    }

    private static bool Same(Tensor x, Tensor y) => (x == y).all().item<bool>();

    private static IEnumerable<(int A, int B)> Pairs() =>
        from a in Enumerable.Range(0, N) from b in Enumerable.Range(0, N) where a != b select (a, b);
}
