using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests settings that are separate losses or arguments in other libraries against plain code of their formulas.</summary>
[LeavesNoTensors]
public class LossSettingTests
{
    [Fact]
    public void HardFactor_StretchesPositivesAndShrinksNegatives()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = new TripletLoss(margin: 0.3) { HardFactor = 0.25, Miner = Miner.All, Reducer = Reducer.Sum };
        Assert.Equal(Triplets(y).Sum(t => Math.Max(0, 1.25 * D(x, t.A, t.P) - 0.75 * D(x, t.A, t.N) + 0.3)), loss.call(x, y).item<double>(),
            10);
        Assert.Throws<ArgumentOutOfRangeException>(() => new TripletLoss { HardFactor = 1 });
    }

    [Theory, InlineData(false), InlineData(true)]
    public void PositiveNegative_IsThePnLossOfTensorFlowSimilarity(bool soft)
    {
        using var scope = NewDisposeScope();
        var (x, labels) = LossTable.Batch();
        var y = labels.data<long>().ToArray();
        using var loss = TripletLoss.PositiveNegative(softMargin: soft);
        var unit = x / x.norm(1, keepdim: true);
        double C(int i, int j) => 1 - (unit[i] * unit[j]).sum().item<double>();
        var values = Enumerable.Range(0, 12).Select(a =>
        {
            var p = Enumerable.Range(0, 12).Where(j => j != a && y[j] == y[a]).MaxBy(j => C(a, j));
            var negatives = Enumerable.Range(0, 12).Where(j => y[j] != y[a]).ToArray();
            var beyond = negatives.Where(j => C(a, j) > C(a, p)).ToArray();
            var n = beyond.Length > 0 ? beyond.MinBy(j => C(a, j)) : negatives.MaxBy(j => C(a, j));
            var gap = C(a, p) - Math.Min(C(a, n), C(p, n));
            return soft ? Math.Log(1 + Math.Exp(gap)) : Math.Max(0, gap + 1);
        });
        Assert.Equal(values.Average(), loss.call(x, labels).item<double>(), 10);
    }

    [Fact]
    public void OnlineContrastive_IsOverTheHardPairsOfTheBatch()
    {
        using var scope = NewDisposeScope();
        var (x, labels) = LossTable.Batch();
        var y = labels.data<long>().ToArray();
        using var loss = ContrastiveLoss.Online(margin: 1.5);
        var unit = x / x.norm(1, keepdim: true);
        var pairs = from i in Enumerable.Range(0, 12)
                    from j in Enumerable.Range(0, 12)
                    where i != j
                    select (Same: y[i] == y[j], D: 1 - (unit[i] * unit[j]).sum().item<double>());
        var all = pairs.ToList();
        var (farthest, nearest) = (all.Where(p => p.Same).Max(p => p.D), all.Where(p => !p.Same).Min(p => p.D));
        var expected = all.Where(p => p.Same && p.D > nearest).Sum(p => p.D * p.D)
            + all.Where(p => !p.Same && p.D < farthest).Sum(p => Math.Pow(Math.Max(0, 1.5 - p.D), 2));
        Assert.Equal(expected, loss.call(x, labels).item<double>(), 10);
    }

    [Fact]
    public void Circle_InItsOtherForms()
    {
        using var scope = NewDisposeScope();
        var (x, labels) = LossTable.Batch();
        var y = labels.data<long>().ToArray();
        const double m = 0.3, gamma = 5;
        var unit = x / x.norm(1, keepdim: true);
        double S(int i, int j) => (unit[i] * unit[j]).sum().item<double>();
        double Pull(double s) => Math.Exp(-gamma * Math.Max(0, 1 + m - s) * (s - 1 + m));
        double Push(double s) => Math.Exp(gamma * Math.Max(0, s + m) * (s - m));
        var (near, far) = (0.0, 0.0);
        for (var i = 0; i < 12; i++)
            for (var j = i + 1; j < 12; j++)
                if (y[i] == y[j]) near += Pull(S(i, j));
                else far += Push(S(i, j));
        using var oneSum = new CircleLoss(m, gamma) { Form = CircleForm.OneSum };
        Assert.Equal(Math.Log(1 + near * far), oneSum.call(x, labels).item<double>(), 10);

        using var separate = new CircleLoss(m, gamma) { Form = CircleForm.SeparateSums, Reducer = Reducer.Mean };
        var rows = Enumerable.Range(0, 12).Select(i => Enumerable.Range(0, 12).Where(j => j != i)
            .ToLookup(j => y[i] == y[j], j => S(i, j)));
        Assert.Equal(rows.Average(row => Math.Log(1 + row[true].Sum(Pull)) + Math.Log(1 + row[false].Sum(Push))),
            separate.call(x, labels).item<double>(), 10);
    }

    /// <summary>The weights α have no gradient. If they are frozen, central differences give the gradient.</summary>
    [Theory, InlineData(CircleForm.PerAnchor), InlineData(CircleForm.OneSum), InlineData(CircleForm.SeparateSums)]
    public void Circle_HasTheGradientOfFrozenWeights(CircleForm form)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(seed: 3);
        const double m = 0.4, gamma = 4;
        using var loss = new CircleLoss(m, gamma) { Form = form, Reducer = Reducer.Mean };
        var leaf = x.clone().requires_grad_();
        loss.call(leaf, y).backward();
        var pairs = Pairs.FromLabels(y);
        Tensor Cosines(Tensor at) => 1 - Distance.Cosine.Matrix(at, at);
        var (pull, push) = ((1 + m - Cosines(x)).clamp_min(0), (Cosines(x) + m).clamp_min(0));
        double Frozen(Tensor at)
        {
            var s = Cosines(at);
            var positives = pairs.Positives * (-gamma * pull * (s - 1 + m)).exp();
            var negatives = pairs.Negatives * (gamma * push * (s - m)).exp();
            return (form switch
            {
                CircleForm.OneSum => (1 + positives.triu(1).sum() * negatives.triu(1).sum()).log(),
                CircleForm.SeparateSums => ((1 + positives.sum(1)).log() + (1 + negatives.sum(1)).log()).mean(),
                _ => (1 + positives.sum(1) * negatives.sum(1)).log().mean(),
            }).item<double>();
        }
        AreCentralDifferences(x, Frozen, leaf.grad!);
    }

    [Fact]
    public void RandomTriplets_AreKOfEachAnchor_EachAboutAsOften()
    {
        using var scope = NewDisposeScope();
        var labels = tensor([0L, 0, 0, 1, 1, 2]);
        var x = LossTable.Random(1, 6, 3);
        var miner = new RandomTripletsMiner(4_000) { Seed = 5 };
        var mined = miner.Mine(Distance.Euclidean.Matrix(x, x), Pairs.FromLabels(labels)).AsTriplets();
        Assert.Equal(5 * 4_000, mined.Count); // row 5 has no positive
        var counts = mined.Anchors.data<long>().ToArray().Zip(mined.Positives.data<long>().ToArray(), mined.Negatives.data<long>()
            .ToArray())
            .CountBy(t => t).ToDictionary();
        Assert.Equal(3 * 2 * 3 + 2 * 1 * 4, counts.Count);
        Assert.All(counts, entry => Assert.InRange(entry.Value, entry.Key.First < 3 ? 560 : 870, entry.Key.First < 3 ? 780 : 1130));
        var again = new RandomTripletsMiner(4_000) { Seed = 5 }.Mine(Distance.Euclidean.Matrix(x, x), Pairs.FromLabels(labels))
            .AsTriplets();
        Assert.Equal(mined.Negatives.data<long>(), again.Negatives.data<long>());
    }

    [Fact]
    public void LabelSmoothing_OfAClassLoss_IsThatOfItsLogits()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        long[] categories = [0, 0, 1, 1, 1, 2, 2, 2, 2, 3];
        foreach (var some in new[] { null, categories })
        {
            using var loss = new NormalizedSoftmaxLoss(LossTable.Classes, LossTable.Dimension) { LabelSmoothing = 0.2, Categories = some };
            using var onLogits = new LabelSmoothingCrossEntropyLoss(0.2) { Categories = some };
            var logits = loss.Logits(x);
            var expected = 0.0;
            for (var i = 0; i < 12; i++)
            {
                var own = (int)y[i].item<long>();
                var total = logits[i].logsumexp(0).item<double>();
                var within = Enumerable.Range(0, LossTable.Classes).Where(c => some is null || some[c] == some[own]).ToArray();
                expected += within.Sum(c => (0.2 / within.Length + (c == own ? 0.8 : 0)) * (total - logits[i, c].item<double>())) / 12;
            }
            Assert.Equal(expected, loss.call(x, y).item<double>(), 10);
            Assert.Equal(expected, onLogits.call(logits, y).item<double>(), 10);
        }
    }

    [Fact]
    public void LabelSmoothing_IsRefused_WhereItHasNoMeaning()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var anchors = new ProxyAnchorLoss(LossTable.Classes, LossTable.Dimension) { LabelSmoothing = 0.1 };
        Assert.StartsWith("ProxyAnchorLoss is not a cross entropy", Assert.Throws<InvalidOperationException>(
            () => anchors.call(x, y)).Message);
        using var sampled = new CosFaceLoss(LossTable.Classes, LossTable.Dimension)
        {
            LabelSmoothing = 0.1, Categories = new long[LossTable.Classes], Sampled = new SampledClasses(5),
        };
        Assert.StartsWith("CosFaceLoss has categories for all classes", Assert.Throws<InvalidOperationException>(
            () => sampled.call(x, y)).Message);
        Assert.StartsWith("Categories must have 10 entries, one per class, got 2.", Assert.Throws<ArgumentException>(
            () => new CosFaceLoss(LossTable.Classes, LossTable.Dimension) { Categories = [0, 1] }).Message);
        using var logits = new LabelSmoothingCrossEntropyLoss { Categories = [0, 1] };
        Assert.StartsWith("logits must be [N, 2], a column for each class that has a category, got [12, 6].",
            Assert.Throws<ArgumentException>(() => logits.call(x, y)).Message);
        Assert.StartsWith("labels must be [12], one per row, if classes have categories, got [12, 2].",
            Assert.Throws<ArgumentException>(() => logits.call(x.narrow(1, 0, 2), zeros(12, 2))).Message);
    }

    public static TheoryData<string> ReducedToTheMean => LossTable.Where(loss => loss.Reducer == Reducer.Mean);

    [Theory, MemberData(nameof(ReducedToTheMean))]
    public void Values_AreWhatIsReduced(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var terms = loss.Values(x, y);
        var expected = loss.call(x, y).item<double>();
        Assert.Equal(expected, terms.Sum(term => term.Values.mean().item<double>()), 10);
        Assert.All(terms, term => Assert.True(term.Anchors is null || term.Anchors.size(0) == term.Values.size(0)));
    }

    [Fact]
    public void Values_OfALargeBatch_ComeOneByOne()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 192, 5), arange(192, ScalarType.Int64) % 6);
        using var loss = new TripletLoss { Miner = Miner.All };
        Assert.Equal(192L * 31 * 160, Assert.Single(loss.Values(x, y)).Values.numel());
    }

    [Fact]
    public void ForEachTerm_ReducesEachTermByItsOwn()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var both = new ContrastiveLoss(negativeMargin: 1.5) { Reducer = Reducer.ForEachTerm(Reducer.Sum, Reducer.NonZeroMean) };
        using var raw = new ContrastiveLoss(negativeMargin: 1.5);
        var terms = raw.Values(x, y);
        var push = terms[1].Values;
        Assert.Equal((terms[0].Values.sum() + push.sum() / (push > 0).sum()).item<double>(), both.call(x, y).item<double>(), 10);
        using var few = new ContrastiveLoss { Reducer = Reducer.ForEachTerm(Reducer.Sum) };
        Assert.StartsWith("This loss has more terms than the 1 reducers",
            Assert.Throws<InvalidOperationException>(() => few.call(x, y)).Message);
        // Without positives the second term is still the second.
        var single = arange(6, ScalarType.Int64);
        using var zeroForNegatives = new ContrastiveLoss(negativeMargin: 5) { Reducer = Reducer.ForEachTerm(Reducer.Sum,
            Reducer.Threshold(high: -1)) };
        Assert.Equal(0, zeroForNegatives.call(x.narrow(0, 0, 6), single).item<double>());
    }

    private static IEnumerable<(int A, int P, int N)> Triplets(Tensor labels)
    {
        var y = labels.data<long>().ToArray();
        return from a in Enumerable.Range(0, y.Length)
               from p in Enumerable.Range(0, y.Length)
               from n in Enumerable.Range(0, y.Length)
               where a != p && y[a] == y[p] && y[a] != y[n]
               select (a, p, n);
    }

    private static double D(Tensor x, int i, int j) => (x[i] - x[j]).norm().item<double>();

    private static void AreCentralDifferences(Tensor at, Func<Tensor, double> value, Tensor gradient)
    {
        const double step = 1e-5;
        var expected = gradient.data<double>().ToArray();
        for (var i = 0; i < expected.Length; i++)
        {
            double At(double delta)
            {
                var moved = at.clone();
                moved.view(-1)[i] += delta;
                return value(moved);
            }
            Assert.Equal((At(step) - At(-step)) / (2 * step), expected[i], 1e-6);
        }
    }

    [Theory, InlineData(0), InlineData(1), InlineData(double.NaN), InlineData(double.NegativeInfinity)]
    public void TheLeftEndOfAHistogram_IsRefusedByItsOwnValue(double minimum)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new DynamicSoftMarginLoss(minimum));
        Assert.StartsWith("minimum must be finite and less than 0", e.Message);
        Assert.Equal(minimum, e.ActualValue);
        Assert.StartsWith("momentum must be greater than 0", Assert.Throws<ArgumentOutOfRangeException>(
            () => new DynamicSoftMarginLoss(momentum: 0)).Message);
    }
}
