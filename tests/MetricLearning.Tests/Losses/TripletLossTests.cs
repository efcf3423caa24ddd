using System.Reflection;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TripletLossTests
{
    /// <summary>The masks of candidates take twice N² bytes, and the search in tiles reads none of them.</summary>
    [Fact]
    public void BatchHard_MakesNeitherMatrixNorMasks()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(dtype: ScalarType.Float32);
        using var batch = new LossBatch(x, y);
        using var loss = new TripletLoss();
        loss.Evaluate(batch);
        Assert.False(batch.Distances(loss.Distance).HasMatrix);
        var masks = typeof(LossBatch).GetField("candidates", BindingFlags.NonPublic | BindingFlags.Instance)!;
        Assert.Null(masks.GetValue(batch));
        Assert.NotNull(batch.Candidates);
        Assert.NotNull(masks.GetValue(batch));
    }

    /// <summary>x = 0, 1, 1.5, 4 on a line with the classes 0, 0, 1, 1 and the margin 0.3. The values are computed by hand.</summary>
    [Fact]
    public void FourPointsOnALine()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (tensor([0.0, 1, 1.5, 4]).unsqueeze(1), tensor([0L, 0, 1, 1]));
        double Of(MetricLoss loss)
        {
            using (loss) return loss.call(x, y).item<double>();
        }
        Assert.Equal(0.775, Of(new TripletLoss()), 12);
        Assert.Equal(1.55, Of(new TripletLoss { Reducer = Reducer.NonZeroMean }), 12);
        Assert.Equal(1.01228974, Of(new TripletLoss(0) { SoftMargin = true }), 8);
        Assert.Equal(0.55, Of(new TripletLoss { Miner = Miner.All }), 12);
        Assert.Equal(1.46666667, Of(new TripletLoss { Miner = Miner.All, Reducer = Reducer.NonZeroMean }), 8);
        Assert.Equal(0.325, Of(new TripletSemiHardLoss(0.3)), 12);
        Assert.Equal(0.325, Of(new TripletLoss { Miner = new SemiHardMiner { Fallback = SemiHardFallback.FarthestNegative } }), 12);
    }

    /// <summary>The examples of TensorFlow Addons' documentation: two points of one class.</summary>
    [Fact]
    public void KerasExamples()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (tensor(new double[,] { { 0, 1 }, { 1, 0 } }), tensor([0L, 0]));
        using var hard = new TripletHardLoss();
        using var semiHard = new TripletSemiHardLoss();
        Assert.Equal(1.0, hard.call(x, y).item<double>(), 12);
        Assert.Equal(2.4142137, semiHard.call(x, y).item<double>(), 6);
    }

    /// <summary>Distances may be negative. Then the entries that are left out must not count as the farthest positive.</summary>
    [Fact]
    public void TripletHard_OfNegativeDistances_MatchesANaiveLoop()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (tensor(new double[,] { { 3, 1 }, { 2, 2 }, { 4, 1 }, { 1, 3 }, { 2, 3 } }), new long[] { 0, 0, 1, 1, 2 });
        var distances = Distance.Dot.Matrix(x, x);
        var costs = y.Select((label, i) =>
        {
            double At(int j) => distances[i, j].item<double>();
            int[] positives = [.. y.Index().Where(other => other.Index != i && other.Item == label).Select(other => other.Index)];
            var near = positives.Length == 0 ? Enumerable.Range(0, y.Length).Min(At) : positives.Max(At);
            return Math.Max(0, 1 + near - y.Index().Where(other => other.Item != label)
                .Min(other => At(other.Index)));
        });
        using var loss = new TripletHardLoss { Distance = Distance.Dot };
        Assert.Equal(costs.Average(), loss.call(x, tensor(y)).item<double>(), 12);
    }

    [Theory]
    [InlineData(false, false), InlineData(true, false), InlineData(false, true), InlineData(true, true)]
    public void AllTriplets_MatchNaiveLoops(bool soft, bool swap)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(2);
        var (r, z) = (LossTable.Random(9, 7, LossTable.Dimension), tensor([0L, 1, 2, 3, 0, 9, 1]));
        using var loss = new TripletLoss { Miner = Miner.All, SoftMargin = soft, Swap = swap };
        Assert.Equal(Naive(x, y, x, y, itself: true), loss.call(x, y).item<double>(), 10);
        Assert.Equal(Naive(x, y, r, z, itself: false), loss.forward(x, y, r, z).item<double>(), 10);

        double Naive(Tensor a, Tensor la, Tensor b, Tensor lb, bool itself)
        {
            var values = new List<double>();
            for (var i = 0; i < a.size(0); i++)
                for (var p = 0; p < b.size(0); p++)
                    for (var n = 0; n < b.size(0); n++)
                    {
                        if (itself && p == i || Label(la, i) != Label(lb, p) || Label(la, i) == Label(lb, n)) continue;
                        var far = Far(a[i], b[n]);
                        if (swap) far = Math.Min(far, Far(b[p], b[n]));
                        var violation = Far(a[i], b[p]) - far + 0.3;
                        values.Add(soft ? Math.Log(1 + Math.Exp(violation)) : Math.Max(0, violation));
                    }
            return values.Average();
        }
    }

    [Fact]
    public void References_GetAGradient()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(2);
        using var loss = new TripletLoss();
        GradientCheck.Run(LossTable.Random(9, 4, LossTable.Dimension), r => loss.forward(x, y, r, tensor([0L, 1, 2, 3])));
    }

    [Fact]
    public void BatchOnItself_EqualsReferencesThatAreTheBatch()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(2);
        using var loss = new TripletLoss();
        using var batch = new LossBatch(x, y, x, y, self: arange(12, ScalarType.Int64));
        Assert.Equal(loss.call(x, y).item<double>(), loss.forward(batch).item<double>(), 12);
    }

    [Fact]
    public void PackedThirds_AreAnchorsPositivesNegatives()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(4, 6, 3);
        using var loss = new TripletLoss(1);
        var expected = Enumerable.Range(0, 2).Average(i => Math.Max(0, Far(x[i], x[i + 2]) - Far(x[i], x[i + 4]) + 1));
        Assert.Equal(expected, loss.forward(x, Triplets.Packed(6)).item<double>(), 12);
        Assert.StartsWith("rows must be a multiple of 3 (anchors, positives, negatives), got 7.",
            Assert.Throws<ArgumentException>(() => Triplets.Packed(7)).Message);
    }

    [Fact]
    public void GivenTriplets_OutsideTheBatchAreNamed()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(4, 6, 3);
        using var loss = new TripletLoss();
        var triplets = new Triplets(tensor([0L]), tensor([6L]), tensor([1L]), 6, 6);
        Assert.StartsWith("positives must be in [0, 6), got 6 in row 0.",
            Assert.Throws<ArgumentException>(() => loss.forward(x, triplets)).Message);
        var other = new Triplets(tensor([0L]), tensor([1L]), tensor([2L]), 5, 5);
        Assert.StartsWith("tuples must be over 6 rows and 6 columns, got 5 and 5.",
            Assert.Throws<ArgumentException>(() => loss.forward(x, other)).Message);
    }

    [Fact]
    public void Report_CountsWhatHappened()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (tensor([0.0, 1, 1.5, 4, 100]).unsqueeze(1), tensor([0L, 0, 1, 1, 2]));
        using var loss = new TripletLoss();
        var report = loss.Report(x, y, detailed: true);
        Assert.Equal((5, 4, 2, 1, 0, 0), Counts(report));
        Assert.Equal(0.775, report.Value, 12);
        Assert.Equal(40.6, report.MeanDistance!.Value, 6);
        Assert.Equal(1, report.EffectiveRank!.Value, 12);
        Assert.Equal(0.5, report.ActiveFraction);
        Assert.Equal(report with { MeanDistance = null, EffectiveRank = null }, loss.Report(x, y));
        var oneClass = loss.Report(x.narrow(0, 0, 2), y.narrow(0, 0, 2), detailed: true);
        Assert.Equal((2, 0, 0, 0, 2, 0), Counts(oneClass));
        Assert.Equal((0, 0), (oneClass.Value, oneClass.ActiveFraction));
        Assert.Equal(1, oneClass.MeanDistance!.Value, 12);

        static (long, long, long, long, long, long) Counts(LossReport r) =>
            (r.Anchors, r.Terms, r.Active, r.WithoutPositives, r.WithoutNegatives, r.NonFinite);
    }

    [Fact]
    public void Margin_IsFinite() => Assert.Throws<ArgumentOutOfRangeException>(() => new TripletLoss(double.NaN));

    private static long Label(Tensor labels, int i) => labels[i].item<long>();

    private static double Far(Tensor a, Tensor b) => (a - b).square().sum().sqrt().item<double>();
}
