using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>The losses on smooth ranks and histograms against loops over their formulas.</summary>
[LeavesNoTensors]
public class RankingLossTests
{
    [Fact]
    public void SmoothRecallAtK_IsItsFormula()
    {
        using var loss = new SmoothRecallAtKLoss(1, 3);
        Run(loss, Distance.Cosine, (d, y) =>
            MeanOverAnchors(y, i => 1 - loss.Depths.Average(k =>
                Positives(y, i).Sum(p => Sigmoid(k - 1 - Others(i, y).Where(z => z != p).Sum(z => Sigmoid((d(i, p) - d(i, z)) / 0.01))))
                / Math.Min(k, Positives(y, i).Count()))));
    }

    [Fact]
    public void SurrogatePrecision_IsThatOfOpenMetricLearning()
    {
        const int k = 2;
        using var loss = SmoothRecallAtKLoss.SurrogatePrecision(k);
        Run(loss, Distance.Euclidean, (d, y) =>
            MeanOverAnchors(y, i => 1 - Positives(y, i).Append(i).Sum(p =>
                Sigmoid(k + 1 - Enumerable.Range(0, y.Length).Sum(z => Sigmoid((d(i, p) - d(i, z)) / 0.01))))
                / Math.Min(k + 1, Positives(y, i).Count() + 1)));
    }

    [Fact]
    public void SmoothAp_IsItsFormula()
    {
        using var loss = new SmoothApLoss();
        Run(loss, Distance.Cosine, (d, y) =>
            MeanOverAnchors(y, i => 1 - Positives(y, i).Append(i).Average(p =>
                (1 + Positives(y, i).Append(i).Where(z => z != p).Sum(z => Sigmoid((d(i, p) - d(i, z)) / 0.01)))
                / (1 + Enumerable.Range(0, y.Length).Where(z => z != p).Sum(z => Sigmoid((d(i, p) - d(i, z)) / 0.01))))));
    }

    [Fact]
    public void Losses_OfPerfectEmbeddings_AreAtTheirLeast()
    {
        using var scope = NewDisposeScope();
        var x = eye(3, dtype: ScalarType.Float64).repeat_interleave(3, 0);
        var y = tensor([0L, 0, 0, 1, 1, 1, 2, 2, 2]);
        TupleLoss[] losses = [new SmoothApLoss(), new PnpLoss(), new FastApLoss(), new HistogramLoss(), new RankedListLoss(), new ThresholdConsistentMarginLoss()];
        foreach (var loss in losses)
        {
            Assert.Equal(0, loss.call(x, y).item<double>(), 9);
            loss.Dispose();
        }
    }

    [Fact]
    public void RankedList_LeavesOutNegativesThatCannotBeToldFromTheAnchor()
    {
        using var scope = NewDisposeScope();
        using var loss = new RankedListLoss();
        var x = tensor(new double[] { 1, 0, 1, 0, 0.8, 0.6 }, [3, 2]);
        var d = Math.Sqrt(0.4);
        var near = Math.Exp(10 * (1.2 - d));
        var expected = 0.5 * (1.2 - d) * (2 * near / (near + 3e-5) + 2 * near / (2 * near + 3e-5)) / 3;
        Assert.Equal(expected, loss.call(x, tensor([0L, 1, 2])).item<double>(), 9);
    }

    [Fact]
    public void DynamicSoftMargin_KeepsItsHistogram_AndNeverATripletThatIsNotFinite()
    {
        using var scope = NewDisposeScope();
        using var loss = new DynamicSoftMarginLoss(momentum: 0.5);
        var (x, y) = LossTable.Batch();
        loss.call(x, y);
        var first = loss.Histogram.clone();
        Assert.Equal(1, first.sum().item<float>(), 5);
        loss.call(x * double.NaN, y);
        loss.Report(-x, y);
        Assert.True(loss.Histogram.allclose(first));
        var (other, _) = LossTable.Batch(seed: 8);
        loss.call(other, y);
        using var alone = new DynamicSoftMarginLoss();
        alone.call(other, y);
        var count = loss.Report(other, y).Terms;
        Assert.True(loss.Histogram.allclose((first + count * alone.Histogram) / (1 + count), atol: 1e-6));
        Assert.Contains("histogram", loss.state_dict().Keys);
        loss.to(ScalarType.Float64);
        Assert.Equal(ScalarType.Float64, loss.Histogram.dtype);
    }

    [Fact]
    public void Manifold_IsItsRandomWalk()
    {
        using var scope = NewDisposeScope();
        using var loss = new ManifoldLoss(3, LossTable.Dimension, margin: 0.01) { ContextWeight = 0.5 };
        var x = LossTable.Random(4, 5, LossTable.Dimension);
        long[] y = [0, 2, 1, 1, 0];
        var nodes = Rows(cat([x, loss.Weights.to(ScalarType.Float64)]));
        var n = nodes.Length;
        double Dot(double[] a, double[] b) => a.Zip(b, (p, q) => p * q).Sum();
        double Cosine(double[] a, double[] b) => Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b));
        var ties = Grid(n, (i, j) => i == j ? 0 : Math.Exp(2 * Math.Max(0, Cosine(nodes[i], nodes[j]))));
        var degrees = ties.Select(row => row.Sum()).ToArray();
        var step = Grid(n, (i, j) => 0.8 * ties[i][j] / Math.Sqrt(degrees[i] * degrees[j]));
        // (1 − α)(I − αS)⁻¹ = (1 − α) Σ_t (αS)^t: the walk, step by step.
        var (walk, power) = (Grid(n, (i, j) => i == j ? 0.2 : 0), Grid(n, (i, j) => i == j ? 0.2 : 0));
        for (var t = 0; t < 200; t++)
        {
            var last = power;
            power = Grid(n, (i, j) => Enumerable.Range(0, n).Sum(k => last[i][k] * step[k][j]));
            walk = Grid(n, (i, j) => walk[i][j] + power[i][j]);
        }
        double Cost(Func<int, double> score, long own) =>
            Math.Log(1 + Enumerable.Range(0, 3).Where(k => k != own && score(k) - score((int)own) + 0.01 >= 0).Sum(k => Math.Exp(score(k) - score((int)own) + 0.01)));
        var expected = Enumerable.Range(0, 5).Average(i => Cost(k => walk[i][5 + k], y[i]) + 0.5 * Cost(k => Cosine(walk[i], walk[5 + k]), y[i]));
        Assert.Equal(expected, loss.call(x, tensor(y)).item<double>(), 9);
    }

    [Fact]
    public void CentroidTriplet_IsItsFormula_AndTakesReferences()
    {
        using var scope = NewDisposeScope();
        using var loss = new CentroidTripletLoss(margin: 2) { Distance = Distance.EuclideanSquared };
        var (x, y) = LossTable.Batch();
        var (rows, labels) = (Rows(x), y.data<long>().ToArray());
        double[] Mean(IEnumerable<int> members) => [.. Enumerable.Range(0, LossTable.Dimension).Select(k => members.Average(i => rows[i][k]))];
        double Far(int i, double[] mean) => rows[i].Zip(mean, (a, b) => (a - b) * (a - b)).Sum();
        var values = Enumerable.Range(0, 12).Where(i => Positives(labels, i).Any()).SelectMany(i => labels.Distinct().Where(c => c != labels[i]).Select(c =>
            Math.Max(0, Far(i, Mean(Positives(labels, i))) - Far(i, Mean(Enumerable.Range(0, 12).Where(j => labels[j] == c))) + 2))).Where(v => v > 0);
        Assert.Equal(values.Average(), loss.call(x, y).item<double>(), 9);
        using var batch = new LossBatch(x, y, x, y, arange(12, ScalarType.Int64));
        Assert.Equal(values.Average(), loss.forward(batch).item<double>(), 9);
    }

    private static void Run(TupleLoss loss, Distance distance, Func<Func<int, int, double>, long[], double> formula)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var d = Rows(distance.Matrix(x, x));
        Assert.Equal(formula((i, j) => d[i][j], y.data<long>().ToArray()), loss.call(x, y).item<double>(), 6);
    }

    private static IEnumerable<int> Others(int i, long[] y) => Enumerable.Range(0, y.Length).Where(j => j != i);

    private static IEnumerable<int> Positives(long[] y, int i) => Others(i, y).Where(j => y[j] == y[i]);

    private static double MeanOverAnchors(long[] y, Func<int, double> value) =>
        Enumerable.Range(0, y.Length).Where(i => Positives(y, i).Any()).Average(value);

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double[][] Grid(int n, Func<int, int, double> value) =>
        [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Select(j => value(i, j)).ToArray())];

    private static double[][] Rows(Tensor matrix)
    {
        var values = matrix.detach().contiguous().data<double>().ToArray();
        return [.. values.Chunk((int)matrix.size(1))];
    }
}
