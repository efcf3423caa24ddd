using MetricLearning.Testing;
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
        var seen = result["identity"].Report!.Value; // of a module that gives a scalar: one value, and what is to be told of its input
        Assert.Equal((i, 12, 1, 1, 0), (seen.Value, seen.Anchors, seen.Terms, seen.Active, seen.NonFinite));
        using var features = new TripletLoss();
        Assert.Equal(features.Report(logits, y) with { Value = i, Terms = 1, Active = 1 }, seen);
        Assert.Equal(("triplet", 2, t), (result.Parts[0].Name, result.Parts[0].Weight, result.Parts[0].Value));
        Assert.Equal(triplet.Report(x, y), result["triplet"].Report);
        Assert.True(x.grad is not null && logits.grad is not null);
        Assert.StartsWith("there is no loss named center; there are triplet, identity.",
            Assert.Throws<ArgumentException>(() => result["center"]).Message);
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
        Assert.StartsWith("there is a loss named a already.", Assert.Throws<ArgumentException>(() => sum.Add("a", another)).Message);
        Assert.StartsWith("a name has no dot, got b.c.", Assert.Throws<ArgumentException>(() => sum.Add("b.c", another)).Message);
        Assert.StartsWith("the model gives nothing that the loss a looks at.",
            Assert.Throws<ArgumentException>(() => sum.Compute(new ModelOutput(x, x, null), y)).Message);
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
