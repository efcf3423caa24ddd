using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ClassLossTests
{
    private const int Classes = 4, Dimension = 5;

    /// <summary>The embeddings lie on their class vectors, opposite to them, and very near to both.</summary>
    [Theory, InlineData(ScalarType.Float32), InlineData(ScalarType.Float64)]
    public void MarginsOnAngles_AreFiniteAtCosinesOfOne(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        foreach (var loss in new ClassLoss[]
        {
            new ArcFaceLoss(Classes, Dimension), new SubCenterArcFaceLoss(Classes, Dimension), new CurricularFaceLoss(Classes, Dimension),
            new AdaFaceLoss(Classes, Dimension), new SphereFaceLoss(Classes, Dimension), new LargeMarginSoftmaxLoss(Classes, Dimension),
        })
        {
            using (loss)
            {
                var own = loss.Weights.detach().to(dtype).index_select(0, tensor([0L, 1, 2, 3]) * loss.CentersPerClass);
                foreach (var sign in new[] { 1, -1 })
                    foreach (var (scale, beside) in new[] { (1.0, 0.0), (3.7, 0), (1e-3, 0), (1, 1e-7), (1, 1e-4) })
                    {
                        random.manual_seed(5);
                        var x = (sign * scale * own + beside * randn_like(own)).requires_grad_();
                        var value = loss.call(x, tensor([0L, 1, 2, 3]));
                        value.backward();
                        Assert.True(value.isfinite().item<bool>(), $"{loss.GetName()} {sign} {scale} {beside}");
                        Assert.True(x.grad!.isfinite().all().item<bool>(), $"{loss.GetName()} {sign} {scale} {beside}");
                        Assert.True(loss.Weights.grad!.isfinite().all().item<bool>(), $"{loss.GetName()} {sign} {scale} {beside}");
                    }
            }
        }
    }

    /// <summary>If the other class is at a right angle, the loss is log(1 + exp(−s·own)). From the loss, the test computes own, the cosine
    /// of the own class with its margin.</summary>
    [Theory, InlineData(0.3), InlineData(0.5), InlineData(1.2)]
    public void ArcFace_AddsTheMargin_AndFallsAllTheWay(double margin)
    {
        using var scope = NewDisposeScope();
        using var loss = new ArcFaceLoss(2, 3, margin, scale: 2);
        Load(loss, new double[,] { { 1, 0, 0 }, { 0, 0, 1 } });
        var last = double.PositiveInfinity;
        for (var theta = 0.0; theta <= Math.PI; theta += Math.PI / 64)
        {
            var value = loss.call(tensor(new[,] { { Math.Cos(theta), Math.Sin(theta), 0 } }), tensor([0L])).item<double>();
            var own = -Math.Log(Math.Exp(value) - 1) / 2;
            var expected = theta <= Math.PI - margin ? Math.Cos(theta + margin) : Math.Cos(theta) - margin * Math.Sin(margin);
            Assert.Equal(expected, own, 9);
            Assert.True(own < last);
            last = own;
        }
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void SphereFace_MultipliesTheAngle_AndFallsAllTheWay(int margin)
    {
        using var scope = NewDisposeScope();
        using var loss = new SphereFaceLoss(2, 3, margin);
        Load(loss, new double[,] { { 5, 0, 0 }, { 0, 0, 1 } });
        var last = double.PositiveInfinity;
        for (var theta = 0.01; theta < Math.PI; theta += 0.1)
        {
            var value = loss.call(tensor(new[,] { { 2 * Math.Cos(theta), 2 * Math.Sin(theta), 0 } }), tensor([0L])).item<double>();
            var own = -Math.Log(Math.Exp(value) - 1) / 2;
            var k = Math.Floor(margin * theta / Math.PI);
            Assert.Equal((k % 2 == 0 ? 1 : -1) * Math.Cos(margin * theta) - 2 * k, own, 8);
            Assert.True(own < last);
            last = own;
        }
    }

    [Fact]
    public void MarginsOfZero_AreTheScaledSoftmax()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        var weights = LossTable.Random(3, Classes, Dimension);
        double Of(ClassLoss loss)
        {
            using (loss)
            {
                using (no_grad()) loss.Weights.copy_(weights);
                return loss.call(x, y).item<double>();
            }
        }
        var expected = Of(new NormalizedSoftmaxLoss(Classes, Dimension, temperature: 1.0 / 7));
        Assert.Equal(expected, Of(new ArcFaceLoss(Classes, Dimension, margin: 0, scale: 7)), 9);
        Assert.Equal(expected, Of(new CosFaceLoss(Classes, Dimension, margin: 0, scale: 7)), 9);
        Assert.Equal(expected, Of(new AdaFaceLoss(Classes, Dimension, margin: 0, scale: 7)), 9);
        Assert.Equal(expected, Of(new SubCenterArcFaceLoss(Classes, Dimension, 1, margin: 0, scale: 7)), 9);
        Assert.Equal(expected, Of(new SoftTripleLoss(Classes, Dimension, 1, scale: 7, margin: 0)), 9);
        Assert.Equal(expected, Of(new ProxyNcaLoss(Classes, Dimension, scale: 3.5)), 9);
        Assert.Equal(Of(new SoftmaxLoss(Classes, Dimension)), Of(new LargeMarginSoftmaxLoss(Classes, Dimension, margin: 1)), 9);
    }

    [Fact]
    public void Logits_AreTheScoresWithoutMargins()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        using var loss = new ArcFaceLoss(Classes, Dimension, scale: 8);
        using var several = new SubCenterArcFaceLoss(Classes, Dimension, scale: 8);
        var logits = loss.Logits(x);
        for (var i = 0; i < x.size(0); i++)
            for (var c = 0; c < Classes; c++)
                Assert.Equal(8 * Cosine(x[i], loss.Weights[c].to(x.dtype)), logits[i, c].item<double>(), 9);
        Assert.Equal([x.size(0), Classes], several.Logits(x).shape);
        Assert.Equal(ScalarType.Float32, loss.Logits(x.to(ScalarType.BFloat16)).dtype);
        Assert.StartsWith("embeddings must be [N, 5] for this loss, got [2, 4].",
            Assert.Throws<ArgumentException>(() => loss.Logits(zeros(2, 4))).Message);
    }

    [Fact]
    public void RenamingTheClassesWithTheirVectors_ChangesNothing()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var names = tensor([3L, 7, 0, 9, 1, 2, 8, 4, 6, 5]);
        foreach (string name in LossTable.ClassLossNames.Select(row => row.Data))
        {
            using var created = LossTable.Create(name);
            if (created is not ClassLoss { Categories: null } loss) continue; // its categories belong to the old class numbers
            var expected = loss.call(x, y).item<double>();
            var rows = (names.unsqueeze(1) * loss.CentersPerClass + arange(loss.CentersPerClass, ScalarType.Int64)).reshape(-1);
            using (no_grad()) loss.Weights.index_copy_(0, rows, loss.Weights.clone());
            Assert.Equal(expected, loss.call(x, names[y]).item<double>(), 9);
        }
    }

    [Fact]
    public void ProxyNca_MatchesNaiveLoops()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        foreach (var inDenominator in new[] { true, false })
        {
            using var loss = new ProxyNcaLoss(Classes, Dimension, 2) { OwnInDenominator = inDenominator };
            var expected = Enumerable.Range(0, 8).Average(i =>
            {
                double Near(int c) => Math.Exp(-2 * (2 - 2 * Cosine(x[i], loss.Weights[c].to(x.dtype))));
                var own = (int)y[i].item<long>();
                return -Math.Log(Near(own) / Enumerable.Range(0, Classes).Where(c => inDenominator || c != own).Sum(Near));
            });
            Assert.Equal(expected, loss.call(x, y).item<double>(), 9);
        }
        using var plus = ProxyNcaLoss.PlusPlus(Classes, Dimension);
        Assert.Equal(9, plus.Scale, 12);
        Assert.StartsWith("OwnInDenominator must be true if there is only one class",
            Assert.Throws<ArgumentException>(() => new ProxyNcaLoss(1, 2) { OwnInDenominator = false }).Message);
    }

    [Fact]
    public void CircleSoftmax_MatchesNaiveLoops_AndItsWeightsHaveNoGradient()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        using var loss = (CircleSoftmaxLoss)new CircleSoftmaxLoss(Classes, Dimension, 0.35, 6).to(ScalarType.Float64);
        var fixedWeights = new double[8, Classes];
        double Of(Tensor at, bool remember) => Enumerable.Range(0, 8).Average(i =>
        {
            var own = (int)y[i].item<long>();
            var logits = Enumerable.Range(0, Classes).Select(c =>
            {
                var cos = Cosine(at[i], loss.Weights[c].to(at.dtype));
                if (remember) fixedWeights[i, c] = Math.Max(0, c == own ? 1.35 - cos : cos + 0.35);
                return 6 * fixedWeights[i, c] * (c == own ? cos - 0.65 : cos - 0.35);
            }).ToArray();
            return Math.Log(logits.Sum(Math.Exp)) - logits[own];
        });
        Assert.Equal(Of(x, remember: true), loss.call(x, y).item<double>(), 9);
        GradientCheck.Run(x, moved => is_grad_enabled() ? loss.call(moved, y) : tensor(Of(moved, remember: false)));
        loss.zero_grad();
        GradientCheck.Run(loss.Weights, moved =>
        {
            if (is_grad_enabled()) return loss.call(x, y);
            loss.Weights.copy_(moved);
            return tensor(Of(x, remember: false));
        }, gradient: () => loss.Weights.grad!);
    }

    [Fact]
    public void AdaFace_MatchesNaiveLoops_OverSeveralBatches()
    {
        using var scope = NewDisposeScope();
        using var loss = new AdaFaceLoss(Classes, Dimension, scale: 6, momentum: 0.25);
        var (mean, deviation) = (20.0, 100.0);
        for (var step = 0; step < 3; step++)
        {
            var (x, y) = Batch(step + 1);
            var lengths = Enumerable.Range(0, 8).Select(i => x[i].norm().item<double>()).ToArray();
            mean = 0.75 * mean + 0.25 * lengths.Average();
            deviation = 0.75 * deviation + 0.25 * Math.Sqrt(lengths.Sum(l => Math.Pow(l - lengths.Average(), 2)) / 7);
            var expected = Enumerable.Range(0, 8).Average(i =>
            {
                var z = Math.Clamp(0.333 * (lengths[i] - mean) / (deviation + 1e-3), -1, 1);
                var own = (int)y[i].item<long>();
                var logits = Enumerable.Range(0, Classes).Select(c =>
                {
                    var cos = Cosine(x[i], loss.Weights[c].to(x.dtype));
                    return 6 * (c == own ? Math.Cos(Math.Acos(cos) - 0.4 * z) - 0.4 - 0.4 * z : cos);
                }).ToArray();
                return Math.Log(logits.Sum(Math.Exp)) - logits[own];
            });
            Assert.Equal(expected, loss.call(x, y).item<double>(), 1e-5);
        }
    }

    [Fact]
    public void AdaFace_KeepsItsRunningValues_UnlessATrainingBatchGivesNewOnes()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        using var loss = new AdaFaceLoss(Classes, Dimension, momentum: 0.5);
        (float, float) Running() => (loss.get_buffer("length_mean")!.item<float>(), loss.get_buffer("length_deviation")!.item<float>());
        loss.Report(x, y);
        loss.eval();
        loss.call(x, y);
        loss.train();
        loss.call(x * double.NaN, y);
        loss.call(x * double.PositiveInfinity, y);
        loss.call(x.narrow(0, 0, 0), y.narrow(0, 0, 0));
        Assert.Equal((20f, 100f), Running());
        loss.call(ones(1, Dimension), tensor([1L]));
        Assert.Equal(100f, Running().Item2);
        Assert.Equal((20 + Math.Sqrt(Dimension)) / 2, Running().Item1, 5);
        Assert.Equal(["weights", "length_mean", "length_deviation"], loss.state_dict().Keys);
    }

    [Fact]
    public void CurricularFace_MatchesNaiveLoops_OverSeveralBatches()
    {
        using var scope = NewDisposeScope();
        using var loss = new CurricularFaceLoss(Classes, Dimension, scale: 6, momentum: 0.25);
        var t = 0.0;
        var hard = 0;
        for (var step = 0; step < 3; step++)
        {
            var (x, y) = Batch(step + 1);
            double Cos(int i, int c) => Cosine(x[i], loss.Weights[c].to(x.dtype));
            t = 0.75 * t + 0.25 * Enumerable.Range(0, 8).Average(i => Cos(i, (int)y[i].item<long>()));
            var expected = Enumerable.Range(0, 8).Average(i =>
            {
                var own = (int)y[i].item<long>();
                var theta = Math.Acos(Cos(i, own));
                var logits = Enumerable.Range(0, Classes).Select(c =>
                {
                    if (c == own) return 6 * (theta <= Math.PI - 0.5 ? Math.Cos(theta + 0.5) : Math.Cos(theta) - 0.5 * Math.Sin(0.5));
                    if (Cos(i, c) <= Math.Cos(theta + 0.5)) return 6 * Cos(i, c);
                    hard++;
                    return 6 * Cos(i, c) * (t + Cos(i, c));
                }).ToArray();
                return Math.Log(logits.Sum(Math.Exp)) - logits[own];
            });
            Assert.Equal(expected, loss.call(x, y).item<double>(), 1e-5);
        }
        Assert.InRange(hard, 1, 3 * 8 * (Classes - 1) - 1);
    }

    [Fact]
    public void SubCenters_FindOutliers()
    {
        using var scope = NewDisposeScope();
        using var loss = new SubCenterArcFaceLoss(3, 2, centersPerClass: 2);
        Load(loss, new double[,] { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 }, { 1, 1 }, { 1, -1 } });
        // Class 0 is mostly at its second center. Class 1 is split evenly, so its first center is the dominant one. Class 2 has no samples.
        var x = tensor(new double[,] { { -2, 0.1 }, { 3, 0 }, { -1, -0.3 }, { 0.1, 5 }, { 0, -1 } });
        var y = tensor([0L, 0, 0, 1, 1]);
        var (outliers, dominant) = loss.GetOutliers(x, y);
        Assert.Equal([1L, 4], outliers.data<long>());
        Assert.Equal([1L, 0, -1], dominant.data<long>());
        Assert.Equal([1L, 2, 4], loss.GetOutliers(x, y, degrees: 10).Rows.data<long>());
        Assert.Equal(0, loss.GetOutliers(x.narrow(0, 0, 0), y.narrow(0, 0, 0)).Rows.size(0));
        Assert.StartsWith("labels must be in [0, 3), got 3 in row 0.",
            Assert.Throws<ArgumentException>(() => loss.GetOutliers(x, y + 3)).Message);
    }

    [Fact]
    public void AMiner_WeighsTheSamples()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new double[,] { { 1, 0 }, { 0.9, 0.3 }, { 0, 1 }, { -1, 0.1 } });
        var y = tensor([0L, 0, 1, 2]);
        using var plain = new CosFaceLoss(3, 2, scale: 4) { Reducer = Reducer.Sum };
        using var weighted = new CosFaceLoss(3, 2, scale: 4) { Reducer = Reducer.Sum, Miner = new BatchHardMiner() };
        using (no_grad()) weighted.Weights.copy_(plain.Weights);
        // Rows 0 and 1 are each other's positives, and row 2 is the nearest negative of both. These three occur twice, and row 3 never.
        var expected = plain.call(x.narrow(0, 0, 3), y.narrow(0, 0, 3)).item<double>();
        Assert.Equal(expected, weighted.call(x, y).item<double>(), 9);
        using var anchors = new ProxyAnchorLoss(3, 2) { Miner = new BatchHardMiner() };
        Assert.StartsWith("The values of ProxyAnchorLoss do not belong to samples",
            Assert.Throws<InvalidOperationException>(() => anchors.call(x, y)).Message);
    }

    /// <summary>As in pytorch-metric-learning.</summary>
    [Fact]
    public void AMinerThatPicksNothing_LeavesEachWeightAtOne()
    {
        using var scope = NewDisposeScope();
        var (x, _) = Batch();
        var same = zeros(x.size(0), ScalarType.Int64);
        using var plain = new CosFaceLoss(Classes, Dimension);
        using var weighted = new CosFaceLoss(Classes, Dimension) { Miner = new BatchHardMiner() };
        using (no_grad()) weighted.Weights.copy_(plain.Weights);
        Assert.Equal(plain.call(x, same).item<double>(), weighted.call(x, same).item<double>());
    }

    [Fact]
    public void ARegularizer_IsAddedWithItsWeight()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        using var plain = new CosFaceLoss(Classes, Dimension) { Reducer = Reducer.Sum };
        using var regularized = new CosFaceLoss(Classes, Dimension)
        {
            Reducer = Reducer.Sum, WeightRegularizer = Regularizer.Lp(), RegularizerWeight = 0.3,
        };
        using (no_grad()) regularized.Weights.copy_(plain.Weights);
        var expected = plain.call(x, y).item<double>() + 0.3 * plain.Weights.to(ScalarType.Float64).norm(1).mean().item<double>();
        Assert.Equal(expected, regularized.call(x, y).item<double>(), 6);
        Assert.Equal(0, regularized.call(x.narrow(0, 0, 0), y.narrow(0, 0, 0)).item<double>());
    }

    [Fact]
    public void LearnedParts_MoveWithTheModule()
    {
        using var scope = NewDisposeScope();
        foreach (var loss in new ClassLoss[] { new AdaFaceLoss(Classes, Dimension), new SoftTripleLoss(Classes, Dimension) })
        {
            using (loss)
            {
                loss.to(ScalarType.Float64);
                Assert.Equal(ScalarType.Float64, loss.Weights.dtype);
                Assert.All(loss.state_dict().Values, value => Assert.Equal(ScalarType.Float64, value.dtype));
                Assert.Same(loss.Weights, loss.parameters().Single());
                var (x, y) = Batch();
                loss.call(x, y).backward();
                Assert.NotNull(loss.parameters().Single().grad);
            }
        }
    }

    [Fact]
    public void InstanceLoss_MatchesNaiveLoops_AloneAndWithSecondViews()
    {
        using var scope = NewDisposeScope();
        var (x, y) = Batch();
        var views = LossTable.Random(9, 8, Dimension);
        using var loss = new InstanceLoss(5);
        double Naive(Tensor references) => Enumerable.Range(0, 8).Average(i =>
            Math.Log(Enumerable.Range(0, 8).Sum(j => Math.Exp(5 * Cosine(x[i], references[j])))) - 5 * Cosine(x[i], references[i]));
        Assert.Equal(Naive(x), loss.call(x, y).item<double>(), 9);
        using var pair = new LossBatch(x, y, views, y);
        Assert.Equal(Naive(views), loss.forward(pair).item<double>(), 9);
        using var few = new LossBatch(x, y, views.narrow(0, 0, 7), y.narrow(0, 0, 7));
        Assert.StartsWith("references must be the 8 second views of the batch, got 7.",
            Assert.Throws<ArgumentException>(() => loss.forward(few)).Message);
        using var ranked = new InstanceLoss { Target = InstanceTarget.ClassRank };
        Assert.Throws<InvalidOperationException>(() => ranked.forward(pair));
    }

    private static (Tensor X, Tensor Y) Batch(int seed = 1) => (LossTable.Random(seed, 8, Dimension), tensor([0L, 1, 2, 3, 2, 1, 0, 0]));

    private static void Load(ClassLoss loss, double[,] weights)
    {
        using (no_grad()) loss.Weights.copy_(tensor(weights));
    }

    private static double Cosine(Tensor a, Tensor b) => ((a * b).sum() / (a.norm() * b.norm())).item<double>();

    /// <summary>The tuples are then those of the batch, which other losses of a sum read after this one.</summary>
    [Fact]
    public void AMinerThatPicksAllCandidates_LeavesThemToTheOtherLosses()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var alone = new TripletLoss();
        using var mined = new ArcFaceLoss(4, (int)x.size(1)) { Miner = Miner.All };
        var expected = mined.call(x, y).item<double>() + alone.call(x, y).item<double>();
        using var sum = new LossSum().Add("class", mined).Add("triplet", new TripletLoss());
        Assert.Equal(expected, sum.call(x, y).item<double>(), 12);
    }
}
