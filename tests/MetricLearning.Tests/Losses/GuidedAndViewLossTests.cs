using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the losses of two views, of several labels per row, and with a guide against plain code of their formulas.</summary>
[LeavesNoTensors]
public class GuidedAndViewLossTests
{
    [Fact]
    public void BarlowTwins_IsItsFormula()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 7, 4), LossTable.Random(2, 7, 4));
        using var loss = new BarlowTwinsLoss(redundancyWeight: 0.1);
        double[] Standard(Tensor view, int feature)
        {
            var values = Enumerable.Range(0, 7).Select(i => view[i, feature].item<double>()).ToArray();
            var mean = values.Average();
            var deviation = Math.Sqrt(values.Average(v => (v - mean) * (v - mean)));
            return [.. values.Select(v => (v - mean) / deviation)];
        }
        var expected = 0.0;
        for (var i = 0; i < 4; i++)
            for (var j = 0; j < 4; j++)
            {
                var c = Standard(x, i).Zip(Standard(y, j), (a, b) => a * b).Sum() / 7;
                expected += i == j ? (1 - c) * (1 - c) : 0.1 * c * c;
            }
        Assert.Equal(expected, loss.call(x, y).item<double>(), 10);
        GradientCheck.Run(x, input => loss.call(input, y));
    }

    [Fact]
    public void SimSiam_IsTheCosine_WithoutAGradientIntoTheProjections()
    {
        using var scope = NewDisposeScope();
        var (p, z) = (LossTable.Random(1, 5, 3), LossTable.Random(2, 5, 3).requires_grad_());
        using var loss = new SimSiamLoss();
        var expected = -Enumerable.Range(0, 5).Average(i => (p[i] * z[i]).sum().item<double>() / (p[i].norm() * z[i].norm())
            .item<double>());
        Assert.Equal(expected, loss.call(p, z).item<double>(), 12);
        GradientCheck.Run(p, input => loss.call(input, z));
        Assert.Null(z.grad);
        var (q, w) = (LossTable.Random(3, 5, 3), LossTable.Random(4, 5, 3));
        Assert.Equal((loss.call(p, w).item<double>() + loss.call(q, z).item<double>()) / 2, loss.forward(p, z, q, w).item<double>(), 12);
    }

    [Fact]
    public void MultiLabelNPairs_IsItsFormula_AndLeavesOutRowsWithoutALabel()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(1, 4, 3), LossTable.Random(2, 4, 3));
        var labels = tensor(new[,] { { 1L, 1, 0 }, { 0, 1, 0 }, { 0, 0, 0 }, { 1, 0, 1 } });
        double[,] common = { { 2, 1, 0, 1 }, { 1, 1, 0, 0 }, { 0, 0, 0, 0 }, { 1, 0, 0, 2 } };
        using var loss = new MultiLabelNPairsLoss();
        var expected = 0.0;
        foreach (var i in new[] { 0, 1, 3 })
        {
            var scores = Enumerable.Range(0, 4).Select(j => (x[i] * y[j]).sum().item<double>()).ToArray();
            var total = Math.Log(scores.Sum(Math.Exp));
            var sum = Enumerable.Range(0, 4).Sum(j => common[i, j]);
            expected += Enumerable.Range(0, 4).Sum(j => common[i, j] / sum * (total - scores[j])) / 3;
        }
        Assert.Equal(expected, loss.call(x, y, labels).item<double>(), 10);
        Assert.Equal(expected, loss.call(x, y, labels.to(ScalarType.Bool)).item<double>(), 10);
        GradientCheck.Run(x, input => loss.call(input, y, labels));
        GradientCheck.Run(y, input => loss.call(x, input, labels));
        Assert.StartsWith("memberships must be [4, L], got [3, 3].",
            Assert.Throws<ArgumentException>(() => loss.call(x, y, labels.narrow(0, 0, 3))).Message);
    }

    [Fact]
    public void MultiLabelNPairs_OfOneLabelARow_IsTheNPairsLossOfTensorFlowAddons()
    {
        using var scope = NewDisposeScope();
        var (x, y, labels) = (LossTable.Random(1, 6, 3), LossTable.Random(2, 6, 3), tensor([0L, 1, 1, 2, 0, 1]));
        using var several = new MultiLabelNPairsLoss();
        using var one = new SupConLoss(1) { Distance = Distance.Dot, Reducer = Reducer.Mean };
        Assert.Equal(one.forward(x, labels, y, labels).item<double>(), several.call(x, y, nn.functional.one_hot(labels)).item<double>(),
            10);
    }

    public static TheoryData<bool, double?, double?, bool, bool> GistSettings => new()
    {
        { false, null, null, true, true }, { true, null, null, true, true }, { false, null, null, false, true },
        { true, 0.3, null, true, true }, { true, -0.3, null, true, true }, { true, null, 0.5, true, true }, { true, 0.3, 0.5, true, true },
        { true, 0.2, null, true, false }, { true, null, 0.9, false, false },
    };

    [Theory, MemberData(nameof(GistSettings))]
    public void Gist_IsItsFormula(bool withNegatives, double? absolute, double? relative, bool anchors, bool positives)
    {
        using var scope = NewDisposeScope();
        var (a, p, n) = (LossTable.Random(1, 5, 3), LossTable.Random(2, 5, 3), LossTable.Random(3, 4, 3));
        var (ga, gp, gn) = (LossTable.Random(4, 5, 2), LossTable.Random(5, 5, 2), LossTable.Random(6, 4, 2));
        using var loss = new GistEmbedLoss(temperature: 0.2)
        {
            AbsoluteMargin = absolute,
            RelativeMargin = relative,
            ComparesAnchors = anchors,
            ComparesPositives = positives,
        };
        double Cosine(Tensor x, Tensor y) => (x * y).sum().item<double>() / (x.norm() * y.norm()).item<double>();
        var expected = 0.0;
        for (var i = 0; i < 5; i++)
        {
            var own = Cosine(ga[i], gp[i]);
            var limit = new[] { absolute, relative * Math.Abs(own) }.OfType<double>().Select(m => own - m).DefaultIfEmpty(own).Min();
            var kept = Math.Exp(Cosine(a[i], p[i]) / 0.2);
            void Add(double guide, double cosine) => kept += guide > limit ? 0 : Math.Exp(cosine / 0.2);
            for (var j = 0; j < 5; j++)
            {
                if (j == i) continue;
                Add(Cosine(ga[i], gp[j]), Cosine(a[i], p[j]));
                if (anchors) Add(Cosine(ga[i], ga[j]), Cosine(a[i], a[j]));
                if (positives) Add(Cosine(gp[i], gp[j]), Cosine(p[i], p[j]));
            }
            for (var j = 0; withNegatives && j < 4; j++) Add(Cosine(ga[i], gn[j]), Cosine(a[i], n[j]));
            expected += (Math.Log(kept) - Cosine(a[i], p[i]) / 0.2) / 5;
        }
        Tensor Loss(Tensor a) => withNegatives ? loss.forward(a, p, n, ga, gp, gn) : loss.call(a, p, ga, gp);
        Assert.Equal(expected, Loss(a).item<double>(), 10);
        GradientCheck.Run(a, Loss);
    }

    [Fact]
    public void Gist_WithAMargin_LeavesOutMoreOfTheNegatives_AlsoIfThePositiveHasANegativeCosine()
    {
        using var scope = NewDisposeScope();
        // The guide's cosines: −0.5 with the positive, −0.51 and −0.6 with the hard negatives.
        Tensor Row(double cosine) => tensor(new[] { cosine, Math.Sqrt(1 - cosine * cosine) }).unsqueeze(0);
        var (anchor, positive, negatives) = (Row(1), Row(-0.5), cat([Row(-0.51), Row(-0.6)]));
        double Loss(double? absolute, double? relative)
        {
            using var loss = new GistEmbedLoss(1) { AbsoluteMargin = absolute, RelativeMargin = relative };
            return loss.forward(anchor, positive, negatives, anchor, positive, negatives).item<double>();
        }
        double Of(params double[] cosines) => Math.Log(Math.Exp(-0.5) + cosines.Sum(Math.Exp)) + 0.5;
        Assert.Equal(Of(-0.51, -0.6), Loss(null, null), 12);
        Assert.Equal(Of(-0.6), Loss(0.05, null), 12);
        Assert.Equal(Of(-0.6), Loss(null, 0.05), 12);
        Assert.Equal(Of(), Loss(0.05, 0.5), 12);
    }

    [Fact]
    public void Gist_NamesWhatDoesNotFit()
    {
        using var scope = NewDisposeScope();
        using var loss = new GistEmbedLoss();
        var (two, three) = (rand(2, 4), rand(3, 4));
        Assert.StartsWith("guideAnchors must be [2, G], a row for each anchor, got [3, 4].",
            Assert.Throws<ArgumentException>(() => loss.call(two, two, three, three)).Message);
        Assert.StartsWith("guideNegatives must be [3, G], a row for each negative, got [2, 4].",
            Assert.Throws<ArgumentException>(() => loss.forward(two, two, three, two, two, two)).Message);
        Assert.StartsWith("anchors and positives must have the same number of rows, got [2, 4] and [3, 4].",
            Assert.Throws<ArgumentException>(() => loss.call(two, three, two, two)).Message);
    }

    [Fact]
    public void FalseNegatives_AreThoseThatTheGuidePutsNearerThanThePositive()
    {
        using var scope = NewDisposeScope();
        var guide = tensor(new[,] { { 0.0, 2, 1, 3 }, { 2, 0, 2, 1 }, { 1, 2, 0, 5 }, { 3, 1, 5, 0 } });
        var pairs = Pairs.FromLabels(tensor([0L, 0, 1, 2]));
        var kept = pairs.WithoutFalseNegatives(guide);
        Assert.Equal([false, false, false, true, false, false, true, false, true, true, false, true, true, true, true, false],
            kept.Negatives.reshape(-1).data<bool>().ToArray());
        Assert.True((kept.Positives == pairs.Positives).all().item<bool>() && (kept.Self! == pairs.Self!).all().item<bool>());
        using var loss = new TripletLoss(margin: 3);
        var x = LossTable.Random(3, 4, 3);
        Assert.True(loss.forward(x, kept).isfinite().item<bool>());
        Assert.StartsWith("guideDistances must be [4, 4], got [4, 3].",
            Assert.Throws<ArgumentException>(() => pairs.WithoutFalseNegatives(guide.narrow(1, 0, 3))).Message);
    }
}
