using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the losses on smooth ranks against loops over their formulas, and the losses on ranks and histograms on perfect
/// embeddings.</summary>
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
        TupleLoss[] losses = [new SmoothApLoss(), new PnpLoss(), new FastApLoss(), new HistogramLoss(), new RankedListLoss(),
            new ThresholdConsistentMarginLoss()];
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

    private static double[][] Rows(Tensor matrix)
    {
        var values = matrix.detach().contiguous().data<double>().ToArray();
        return [.. values.Chunk((int)matrix.size(1))];
    }

    /// <summary>With the anchor in its own ranking, k is one greater, and must not overflow.</summary>
    [Fact]
    public void SmoothRecall_TakesTheGreatestDepth()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var most = SmoothRecallAtKLoss.SurrogatePrecision(int.MaxValue);
        using var many = SmoothRecallAtKLoss.SurrogatePrecision(1 << 20);
        Assert.Equal(many.call(x, y).item<double>(), most.call(x, y).item<double>(), 12);
    }
}
