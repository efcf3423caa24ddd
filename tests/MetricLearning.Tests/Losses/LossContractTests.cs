using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what MetricLoss promises for every loss, on each row of <see cref="LossTable"/>.</summary>
[LeavesNoTensors]
public class LossContractTests
{
    public static TheoryData<string> Losses => LossTable.Names;

    public static TheoryData<string> Differentiable => LossTable.DifferentiableNames;

    public static TheoryData<string> OrderFree => LossTable.OrderFreeNames;

    public static TheoryData<string> ClassLosses => LossTable.ClassLossNames;

    [Theory, MemberData(nameof(Losses))]
    public void LeavesExactlyItsResult(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        x.requires_grad_();
        var before = Live;
        var value = loss.call(x, y);
        Assert.Equal(before + 1, Live);
        value.backward();
        value.Dispose();
        Gradient.Release();
        Assert.Equal(before, Live);
    }

    /// <summary>A frozen network still trains the numbers of a loss, also with a batch that has nothing to compare.</summary>
    [Theory, MemberData(nameof(Losses))]
    public void LearnedNumbers_GetAGradient_OfFrozenEmbeddings(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        Tensor[] learned = [.. loss.parameters().Where(parameter => parameter.requires_grad)];
        if (learned.Length == 0) return;
        foreach (var labels in new[] { y, zeros_like(y), arange(4, ScalarType.Int64) })
        {
            var value = loss.call(x.narrow(0, 0, labels.size(0)).detach(), labels);
            value.backward();
            Assert.True(value.isfinite().item<bool>());
        }
        Assert.All(learned, parameter => Assert.True(parameter.grad is { } gradient && gradient.isfinite().all().item<bool>()));
    }

    [Theory, MemberData(nameof(Differentiable))]
    public void Gradient_IsThatOfCentralDifferences(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(seed: 3);
        using var loss = LossTable.Create(name);
        GradientCheck.Run(x, LossTable.Held(loss, x, y));
    }

    [Theory, MemberData(nameof(OrderFree))]
    public void PermutingTheBatch_ChangesNothing(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var order = tensor([5L, 3, 11, 0, 7, 1, 10, 2, 9, 4, 8, 6]);
        using var loss = LossTable.Create(name);
        Assert.Equal(loss.call(x, y).item<double>(), loss.call(x[order], y[order]).item<double>(), 10);
    }

    [Fact]
    public void RenamingTheClasses_ChangesNothing()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var renamed = tensor([long.MaxValue, -5L, 0, 1L << 53])[y];
        foreach (string name in LossTable.AnyLabelNames.Select(row => row.Data))
        {
            using var loss = LossTable.Create(name);
            Assert.Equal(loss.call(x, y).item<double>(), loss.call(x, renamed).item<double>(), 12);
        }
    }

    /// <summary>A batch compared with itself gives the same as a batch compared with references that hold its rows, if each row leaves out
    /// itself.</summary>
    [Theory, MemberData(nameof(TupleLosses))]
    public void ABatch_IsAUnionOfReferences(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var alone = loss.call(x, y).item<double>();
        using var again = LossTable.Create(name);
        using var batch = new LossBatch(x, y, x, y, self: arange(12, ScalarType.Int64));
        Assert.Equal(alone, again.forward(batch).item<double>(), 10);
    }

    public static TheoryData<string> TupleLosses => LossTable.Where(loss => loss is TupleLoss);

    /// <summary>
    /// The batch is divided into two halves of anchors, and each half is compared with all rows. The two sums add up to that of the batch
    /// if each value depends only on the row of its anchor. This holds for all losses except those named here: they depend on the whole
    /// batch (its mean, its histogram), or on one anchor of each class.
    /// </summary>
    public static TheoryData<string> RowByRow => LossTable.Where(loss => loss is TupleLoss && loss.Reducer == Reducer.Mean
        && loss is not (IntraPairVarianceLoss or HistogramLoss or DynamicSoftMarginLoss or LiftedStructureLoss or QuadrupletLoss
            or NPairsLoss));

    [Theory, MemberData(nameof(RowByRow))]
    public void HalvesOfTheAnchors_AddUp(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var alone = loss.call(x, y).item<double>();
        var halves = new[] { arange(0, 6, ScalarType.Int64), arange(6, 12, ScalarType.Int64) }.Sum(half =>
        {
            using var part = new LossBatch(x[half], y[half], x, y, self: half);
            using var one = LossTable.Create(name);
            var report = LossOutcome.Report([one.Evaluate(part)], detailed: false)[0].Report!;
            return report.Value * report.Terms;
        });
        Assert.Equal(alone * loss.Report(x, y).Terms, halves, 9);
    }

    /// <summary>All losses except those whose distance depends on single coordinates.</summary>
    public static TheoryData<string> Turnable => LossTable.Where(loss => loss is not TupleLoss tuples
        || !(tuples.Distance.Equals(Distance.Lp(1)) || tuples.Distance.Equals(Distance.SignalToNoise.Normalized())));

    [Theory, MemberData(nameof(Turnable))]
    public void Turning_ChangesNothing(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var (turn, _) = linalg.qr(LossTable.Random(9, LossTable.Dimension, LossTable.Dimension));
        var expected = loss.call(x, y).item<double>();
        using var turned = LossTable.Create(name);
        using (no_grad())
            foreach (var vectors in turned.state_dict().Values.Where(value => value.dim() == 2))
                vectors.copy_(vectors.to(ScalarType.Float64).matmul(turn));
        // Class vectors are float32, so turning them rounds.
        Assert.Equal(expected, turned.call(x.matmul(turn), y).item<double>(), LossTable.HasClasses(loss)
            ? 1e-4 * Math.Max(1, Math.Abs(expected)) : 1e-9);
    }

    /// <summary>Losses on directions do not depend on the length of a row.</summary>
    [Theory, MemberData(nameof(Losses))]
    public void StretchingRows_ChangesNothing_WhereTheyAreNormalized(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        var onDirections = loss switch
        {
            AngularLoss angular => !angular.RawNegatives,
            TupleLoss tuples => tuples.Distance.Equals(Distance.Cosine) || tuples.Distance.GetType().Name == "NormalizedDistance",
            InstanceLoss or ClusterContrastLoss => true,
            ClassLoss => loss is not (AdaFaceLoss or SoftmaxLoss or SphereFaceLoss or LargeMarginSoftmaxLoss),
            _ => false,
        };
        var stretched = x * LossTable.Random(5, 12, 1).exp();
        using var again = LossTable.Create(name);
        var (before, after) = (loss.call(x, y).item<double>(), again.call(stretched, y).item<double>());
        if (onDirections) Assert.Equal(before, after, 1e-9 * Math.Max(1, Math.Abs(before)));
        else Assert.NotEqual(before, after, 1e-6);
    }

    /// <summary>All losses with learned parts except two. The published gradient of P2SGrad is that of vectors of length 1 without the part
    /// that keeps the length. CircleSoftmaxLoss treats its α as constants and has a test of its own.</summary>
    public static TheoryData<string> Learned => LossTable.Where(loss =>
        loss is not (P2SGradLoss or CircleSoftmaxLoss) && loss.parameters().Any());

    [Theory, MemberData(nameof(Learned))]
    public void TheGradientOfLearnedParts_IsThatOfCentralDifferences(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch(seed: 3);
        using var loss = (MetricLoss)LossTable.Create(name).to(ScalarType.Float64);
        foreach (var (_, parameter) in loss.named_parameters())
        {
            GradientCheck.Run(parameter, moved =>
            {
                if (!is_grad_enabled()) parameter.copy_(moved); // only the central differences move it
                return loss.call(x, y);
            }, gradient: () => parameter.grad!);
        }
    }

    [Theory, MemberData(nameof(Losses))]
    public void StridedEmbeddings_GiveTheSame(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        Assert.Equal(loss.call(x, y).item<double>(), loss.call(x.t().contiguous().t(), y).item<double>(), 10);
    }

    [Theory, MemberData(nameof(Losses))]
    public void HalfPrecision_IsComputedInFloat32(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var half in new[] { ScalarType.Float16, ScalarType.BFloat16 })
        {
            var (x, y) = LossTable.Batch(dtype: half);
            using var loss = LossTable.Create(name);
            x.requires_grad_();
            var value = loss.call(x, y);
            value.backward();
            Assert.Equal(ScalarType.Float32, value.dtype);
            Assert.Equal(half, x.grad!.dtype);
            Assert.Equal(loss.call(x.to(ScalarType.Float64), y).item<double>(), value.item<float>(),
                1e-4 * Math.Max(1, value.item<float>()));
        }
    }

    [Theory, MemberData(nameof(Losses))]
    public void EqualRows_HaveFiniteGradients(string name)
    {
        using var scope = NewDisposeScope();
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64 })
        {
            var y = tensor([0L, 0, 1, 1, 2, 2]);
            using var loss = LossTable.Create(name);
            foreach (var rows in new[] { ones([6, LossTable.Dimension], dtype), zeros([6, LossTable.Dimension], dtype) })
                FiniteGradient(loss, rows, y);
        }
    }

    [Theory, MemberData(nameof(Losses))]
    public void NotFinite_GivesNaN(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        for (var row = 0; row < x.size(0); row++)
        {
            var broken = x.clone();
            broken[row, 2] = double.NaN;
            Assert.True(double.IsNaN(loss.call(broken, y).item<double>()), $"row {row}");
            Assert.Equal(1, loss.Report(broken, y).NonFinite);
        }
        using var nothingToCompare = loss.call(full([1, LossTable.Dimension], double.NaN, ScalarType.Float64), zeros(1, ScalarType.Int64));
        Assert.True(double.IsNaN(nothingToCompare.item<double>()));
    }

    [Theory, MemberData(nameof(Losses))]
    public void NothingToCompare_IsZeroOrStated_WithAFiniteGradient(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = LossTable.Create(name);
        var x = LossTable.Random(5, 6, LossTable.Dimension);
        Assert.Equal(0, FiniteGradient(loss, x.narrow(0, 0, 0), zeros(0, ScalarType.Int64)));
        var oneRow = FiniteGradient(loss, x.narrow(0, 0, 1), zeros(1, ScalarType.Int64));
        var oneClass = FiniteGradient(loss, x, zeros(6, ScalarType.Int64));
        var allDifferent = FiniteGradient(loss, x, arange(6, ScalarType.Int64));
        switch (name)
        {
            case "proxy nca of the paper": // has no lower bound
                Assert.All(new[] { oneRow, oneClass, allDifferent }, value => Assert.NotEqual(0, value));
                break;
            case "manifold": // a row that is nearer to its own proxy than to others by the margin has no cost
                Assert.All(new[] { oneRow, oneClass, allDifferent }, value => Assert.True(value >= 0));
                break;
            case "instance": // every row is a class
                Assert.Equal(0, oneRow, 12);
                Assert.True(oneClass > 0 && allDifferent > 0);
                break;
            case var _ when loss is RegularizerLoss || LossTable.HasClasses(loss):
                Assert.All(new[] { oneRow, oneClass, allDifferent }, value => Assert.True(value > 0));
                break;
            case "fastap": // the precision is 1, up to rounding
                Assert.Equal((0, 0), (oneRow, allDifferent));
                Assert.Equal(0, oneClass, 12);
                break;
            case "ranked list" or "threshold-consistent": // pairs of one kind have a loss of their own
                Assert.Equal(0, oneRow);
                Assert.True(oneClass > 0 && allDifferent > 0);
                break;
            case "smooth recall" or "surrogate precision": // even the first ranks are not entirely within k
                Assert.Equal((0, 0), (oneRow, allDifferent));
                Assert.InRange(oneClass, 0.001, 0.99);
                break;
            case "weighted": // an anchor is its own positive at distance 10⁻⁶; without negatives, their sum is 0
                Assert.Equal(Math.Log(2), oneRow, 5);
                Assert.True(oneClass > Math.Log(2) && allDifferent < Math.Log(2));
                break;
            case "weighted hinge":
                Assert.Equal(2, oneRow, 5);
                Assert.True(oneClass > 2 && allDifferent < 2);
                break;
            case "triplet hard": // without negatives the value is the margin m; without positives it is [m − d_an]₊
                Assert.Equal((1, 1), (oneRow, oneClass));
                Assert.InRange(allDifferent, 0, 1);
                break;
            case "triplet semi-hard keras": // without negatives, d(a,n) is 0
                Assert.Equal((0, 0), (oneRow, allDifferent));
                Assert.True(oneClass > 1);
                break;
            case "torchreid" or "fast-reid normalized" or "hermans soft": // an anchor is its own positive
                Assert.Equal((0, 0), (oneRow, oneClass));
                Assert.InRange(allDifferent, 0, Math.Log(2));
                break;
            case "contrastive" or "contrastive by two reducers" or "contrastive hadsell" or "contrastive signal to noise"
                or "intra-pair variance" or "multi-similarity"
                or "generalized lifted": // either side counts without the other
                Assert.Equal(0, oneRow);
                Assert.True(oneClass > 0 && allDifferent > 0);
                break;
            default:
                Assert.Equal((0, 0, 0), (oneRow, oneClass, allDifferent));
                break;
        }
    }

    [Theory, MemberData(nameof(Losses))]
    public void WhatDoesNotFit_IsNamed(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        Assert.StartsWith("embeddings must be [N, D], got [12, 6, 1].", Message(() => loss.call(x.unsqueeze(2), y)));
        Assert.StartsWith("embeddings must be [N, D], got [12].", Message(() => loss.call(x.select(1, 0), y)));
        Assert.StartsWith("embeddings must be floating point, got Int64.", Message(() => loss.call(x.to(ScalarType.Int64), y)));
        Assert.StartsWith("labels must be [12], one label per row, got [11].", Message(() => loss.call(x, y.narrow(0, 0, 11))));
        foreach (var wrong in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.Bool })
            Assert.StartsWith($"labels must be integers (int64, int32, int16, int8 or uint8), got {wrong}.",
                Message(() => loss.call(x, y.to(wrong))));
    }

    [Theory, MemberData(nameof(ClassLosses))]
    public void ClassLosses_NameLabelsOutOfRange(string name)
    {
        using var scope = NewDisposeScope();
        var (x, _) = LossTable.Batch();
        using var loss = LossTable.Create(name);
        foreach (var wrong in new long[] { -1, LossTable.Classes })
        {
            var y = zeros(12, ScalarType.Int64);
            y[4] = wrong;
            Assert.StartsWith($"labels must be in [0, 10), got {wrong} in row 4.", Message(() => loss.call(x, y)));
        }
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static long Live => TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    private static double FiniteGradient(MetricLoss loss, Tensor embeddings, Tensor labels)
    {
        var x = embeddings.clone().requires_grad_();
        var value = loss.call(x, labels);
        value.backward();
        Assert.True(value.isfinite().item<bool>());
        Assert.True(x.grad!.isfinite().all().item<bool>());
        return value.to(ScalarType.Float64).item<double>();
    }
}
