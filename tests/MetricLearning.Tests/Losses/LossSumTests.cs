using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class LossSumTests
{
    [Fact]
    public void IsTheWeightedSum_AndReportsEachPart()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var logits = LossTable.Random(8, 12, 4).requires_grad_();
        x.requires_grad_();
        using var sum = new LossSum()
            .Add("triplet", new TripletLoss(), o => o.Features, weight: 2)
            .Add("identity", new LabelSmoothingCrossEntropyLoss(), o => o.Logits!, weight: 0.5);
        using var triplet = new TripletLoss();
        using var identity = new LabelSmoothingCrossEntropyLoss();
        var (t, i) = (triplet.call(x, y).item<double>(), identity.call(logits, y).item<double>());

        var output = new ModelOutput(x, x, logits);
        var result = sum.Compute(output, y);
        result.Value.backward();

        Assert.Equal(2 * t + 0.5 * i, result.Value.item<double>(), 12);
        Assert.Equal(2 * t + 0.5 * i, sum.call(output, y).item<double>(), 12);
        Assert.Equal(("identity", 0.5, i), (result["identity"].Name, result["identity"].Weight, result["identity"].Value));
        var seen = result["identity"].Report!;
        Assert.Equal((i, 12, 12, 12, 0), (seen.Value, seen.Anchors, seen.Terms, seen.Active, seen.NonFinite));
        Assert.Equal(identity.Report(logits, y), seen);
        Assert.Equal(("triplet", 2, t), (result.Parts[0].Name, result.Parts[0].Weight, result.Parts[0].Value));
        Assert.Equal(triplet.Report(x, y), result["triplet"].Report);
        Assert.True(x.grad is not null && logits.grad is not null);
        Assert.StartsWith("there is no loss named center; there are triplet, identity.",
            Assert.Throws<ArgumentException>(() => result["center"]).Message);
    }

    /// <summary>A module that returns a scalar has one term. The other figures describe its input.</summary>
    [Fact]
    public void AModuleOfYours_IsReportedAsOneTerm()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var sum = new LossSum().Add("yours", new Length());
        using var triplet = new TripletLoss();
        foreach (var detailed in new[] { false, true })
        {
            var result = sum.Compute(x, y, detailed);
            var value = result["yours"].Value;
            Assert.Equal(triplet.Report(x, y, detailed) with { Value = value, Terms = 1, Active = 1 }, result["yours"].Report);
        }
        Assert.Null(sum.Compute(x.unsqueeze(2), y)["yours"].Report);
    }

    /// <summary>Each wrapper and each loss of logits reports as many terms as the loss alone. MatryoshkaLoss reports the terms of all its
    /// prefixes.</summary>
    [Fact]
    public void EveryLoss_ReportsItsTerms()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var triplet = new TripletLoss(margin: 2);
        var alone = triplet.Report(x, y);
        using var sum = new LossSum()
            .Add("focal", new FocalLoss())
            .Add("smoothing", new LabelSmoothingCrossEntropyLoss())
            .Add("memory", new CrossBatchMemory(new TripletLoss(margin: 2), LossTable.Dimension, capacity: 30))
            .Add("warm-up", new CrossBatchMemory(new TripletLoss(margin: 2), LossTable.Dimension) { WarmUp = 1 })
            .Add("prefixes", new MatryoshkaLoss(new TripletLoss(margin: 2), [3, LossTable.Dimension]));
        sum.to(ScalarType.Float64);
        var first = sum.Compute(x, y);
        Assert.Equal([12, 12, alone.Terms, alone.Terms, 2 * alone.Terms], first.Parts.Select(part => part.Report!.Terms));
        Assert.All(first.Parts, part => Assert.True(part.Report!.Active > 1 && part.Report.Anchors == 12));
        Assert.Equal(alone, first["warm-up"].Report);

        // The second batch meets 12 rows of the memory and its own 12 rows. The mean leaves out the distance of each row to itself.
        var memory = (CrossBatchMemory)sum.named_children().Single(child => child.name == "memory").module;
        var rows = memory.state_dict()["embeddings"].narrow(0, 0, 12);
        var (others, own) = (Distance.Euclidean.Matrix(-x, rows), Distance.Euclidean.Matrix(-x, -x));
        var expected = (others.sum() + own.sum() - own.diagonal().sum()).item<double>() / (12 * 23);
        var second = sum.Compute(-x, y, detailed: true)["memory"].Report!;
        Assert.Equal((12, 12), (second.Anchors, second.Terms));
        Assert.Equal(expected, second.MeanDistance!.Value, 10);
    }

    /// <summary>A report computes no distance matrix that the loss did not compute, unless it is detailed.</summary>
    [Fact]
    public void AReport_MeasuresNothingUnlessAsked()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var counted = new CountingDistance();
        using var sum = new LossSum().Add("chosen", new TripletLoss { Distance = counted, Miner = new OneTriplet() });
        var plain = sum.Compute(x, y)["chosen"].Report!;
        Assert.Equal((0, null, null), (counted.Matrices, plain.MeanDistance, plain.EffectiveRank));
        var detailed = sum.Compute(x, y, detailed: true)["chosen"].Report!;
        Assert.Equal(1, counted.Matrices);
        Assert.Equal(plain, detailed with { MeanDistance = null, EffectiveRank = null });
        var d = cdist(x, x);
        Assert.Equal((d.sum() / (12 * 11)).item<double>(), detailed.MeanDistance!.Value, 6);
        var spread = (x - x.mean([0])).t().matmul(x - x.mean([0]));
        Assert.Equal((spread.trace().square() / spread.square().sum()).item<double>(), detailed.EffectiveRank!.Value, 10);
    }

    [Fact]
    public void Labels_AreWidenedOnceForAllParts()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var sum = new LossSum().Add("triplet", new TripletLoss()).Add("torch", nn.CrossEntropyLoss());
        Assert.Equal(sum.call(x, y).item<double>(), sum.call(x, y.to(ScalarType.Byte)).item<double>());
    }

    [Fact]
    public void PartsOnOneTensor_ShareOneMatrix()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        var counted = new CountingDistance();
        using var sum = new LossSum()
            .Add("hard", new TripletLoss { Distance = counted })
            .Add("all", new TripletLoss { Distance = counted, Miner = Miner.All })
            .Add("semi-hard", new TripletLoss { Distance = counted, Miner = new SemiHardMiner() });
        using var alone = new TripletLoss { Miner = Miner.All };
        var result = sum.Compute(x, y);
        Assert.Equal(1, counted.Matrices);
        Assert.Equal(alone.call(x, y).item<double>(), result["all"].Value, 12);
    }

    [Fact]
    public void LearnedParts_AreSavedUnderTheirNames()
    {
        using var sum = new LossSum().Add("center", new CenterLoss(4, LossTable.Dimension)).Add("triplet", new TripletLoss());
        Assert.Equal(["center.centers"], sum.named_parameters().Select(p => p.name));
    }

    [Fact]
    public void LeavesExactlyItsValue()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        x.requires_grad_();
        using var sum = new LossSum().Add("a", new TripletLoss()).Add("b", new TripletHardLoss());
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var result = sum.Compute(x, y);
        Assert.Equal(before + 1, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        result.Value.backward();
        GC.KeepAlive(result);
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        using var sum = new LossSum();
        Assert.StartsWith("This sum has no loss", Assert.Throws<InvalidOperationException>(() => sum.Compute(x, y)).Message);
        sum.Add("a", new TripletLoss(), o => o.Logits!);
        using var another = new TripletLoss();
        Assert.StartsWith("name must be new, but a loss is already named a.",
            Assert.Throws<ArgumentException>(() => sum.Add("a", another)).Message);
        Assert.StartsWith("name must not have a dot, got b.c.", Assert.Throws<ArgumentException>(() => sum.Add("b.c", another)).Message);
        Assert.StartsWith("output must have the tensor that the loss a uses, got null.",
            Assert.Throws<ArgumentException>(() => sum.Compute(new ModelOutput(x, x, null), y)).Message);
    }

    private sealed class Length() : nn.Module<Tensor, Tensor, Tensor>(nameof(Length))
    {
        public override Tensor forward(Tensor input, Tensor labels) => input.norm();
    }

    private sealed class OneTriplet : Miner
    {
        public override Tuples Mine(DistanceView distances) => new Triplets(tensor([0L]), tensor([3L]), tensor([1L]), 12, 12);

        protected override Tuples MineCore(Tensor distances, Pairs candidates) => throw new NotSupportedException();
    }

    private sealed class CountingDistance : Distance
    {
        public int Matrices { get; private set; }

        protected override Tensor MatrixCore(Tensor x, Tensor y)
        {
            Matrices++;
            return cdist(x, y);
        }

        protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).norm(1);
    }
}
