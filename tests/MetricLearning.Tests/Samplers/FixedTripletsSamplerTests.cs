using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class FixedTripletsSamplerTests
{
    [Fact]
    public void TheSameTriplets_EveryEpoch_InAnotherOrder()
    {
        (long, long, long)[] triplets = [.. Enumerable.Range(0, 9).Select(i => ((long)i, (long)i + 10, (long)i + 20))];
        var sampler = new FixedTripletsSampler(triplets, 4, seed: 8);
        Assert.Equal((12, 27, 3), (sampler.BatchSize, sampler.Count, sampler.BatchesPerEpoch));
        for (var epoch = 0; epoch < 3; epoch++)
            Assert.Equal(triplets, sampler.Draw(epoch).Chunk(3).Select(t => (t[0], t[1], t[2])).Order());
        Assert.Equal(24, new FixedTripletsSampler(triplets, 4, LastBatch.Drop).Count);
        Assert.Equal(36, new FixedTripletsSampler(triplets, 4, LastBatch.Fill).Draw(1).Length);
    }

    [Fact]
    public void FromLabels_AnchorAndPositiveShareALabel_NegativesDoNot()
    {
        var sampler = FixedTripletsSampler.FromLabels(SamplerTable.Labels, 500, 5, seed: 6);
        var labels = SamplerTable.Labels;
        var size = labels.GroupBy(label => label).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(500, sampler.Triplets);
        foreach (var t in sampler.Draw(0).Chunk(3))
        {
            Assert.Equal(labels[t[0]], labels[t[1]]);
            Assert.NotEqual(labels[t[0]], labels[t[2]]);
            Assert.Equal(size[labels[t[0]]] == 1, t[0] == t[1]);
        }
        Assert.Equal(20, sampler.Draw(0).Chunk(3).Select(t => labels[t[0]]).Distinct().Count());
    }

    [Fact, LeavesNoTensors]
    public void ItsBatches_AreThoseOfTripletsInThrees()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(4, 12, 5);
        using var loss = new TripletLoss(margin: 2);
        var inThrees = loss.forward(x, Triplets.InThrees(12));
        var packed = loss.forward(cat([x[tensor([0L, 3, 6, 9])], x[tensor([1L, 4, 7, 10])], x[tensor([2L, 5, 8, 11])]]),
            Triplets.Packed(12));
        Assert.Equal(packed.item<double>(), inThrees.item<double>(), 12);
        Assert.Equal(0, Triplets.InThrees(0).Count);
        Assert.StartsWith("rows must be a multiple of 3 (anchor, positive, negative), got 4.",
            Assert.Throws<ArgumentException>(() => Triplets.InThrees(4)).Message);
    }

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.StartsWith("triplets must not be empty.", Assert.Throws<ArgumentException>(() => new FixedTripletsSampler([], 1)).Message);
        Assert.StartsWith("triplets must hold row numbers of 0 or greater, got (0, -1, 2).",
            Assert.Throws<ArgumentException>(() => new FixedTripletsSampler([(0, -1, 2)], 1)).Message);
        Assert.StartsWith("labels must hold at least 2 classes, got 1.",
            Assert.Throws<ArgumentException>(() => FixedTripletsSampler.FromLabels([3, 3], 4, 1)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new FixedTripletsSampler([(0, 1, 2)], 2, LastBatch.Drop));
    }
}
