using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TuplesTests
{
    [Fact]
    public void FromLabels_IsEveryPairButOneself()
    {
        using var scope = NewDisposeScope();
        var pairs = Pairs.FromLabels(tensor([4L, 9, 4]));
        Assert.Equal([false, false, true, false, false, false, true, false, false], pairs.Positives.data<bool>());
        Assert.Equal([false, true, false, true, false, true, false, true, false], pairs.Negatives.data<bool>());
        Assert.Equal([0L, 1, 2], pairs.Self!.data<long>());
    }

    [Fact]
    public void FromLabels_WithReferences_KeepsTheDiagonal_UnlessTheyHoldTheRowItself()
    {
        using var scope = NewDisposeScope();
        var (labels, references) = (tensor([4L, 9]), tensor([9L, 4, 4]));
        Assert.Equal([false, true, true, true, false, false], Pairs.FromLabels(labels, references).Positives.data<bool>());
        var held = Pairs.FromLabels(labels, references, self: tensor([2L, 0]));
        Assert.Equal([false, true, false, false, false, false], held.Positives.data<bool>());
        Assert.Equal([true, false, false, false, true, true], held.Negatives.data<bool>());
    }

    [Fact]
    public void Conversions_AgreeWithNaiveLoops_AndComeBack()
    {
        using var scope = NewDisposeScope();
        var (labels, references) = (tensor([0L, 1, 0, 2, 5]), tensor([0L, 1, 1, 2, 0, 7]));
        var pairs = Pairs.FromLabels(labels, references);
        var triplets = pairs.AsTriplets();
        var expected =
            from a in Enumerable.Range(0, 5)
            from p in Enumerable.Range(0, 6)
            from n in Enumerable.Range(0, 6)
            where labels[a].item<long>() == references[p].item<long>() && labels[a].item<long>() != references[n].item<long>()
            select ((long)a, (long)p, (long)n);
        Assert.Equal(expected, triplets.Anchors.data<long>().ToArray().Zip(triplets.Positives.data<long>().ToArray(),
            triplets.Negatives.data<long>().ToArray()));

        var back = triplets.AsPairs();
        Assert.True((back.Positives == pairs.Positives).all().item<bool>());
        Assert.True((back.Negatives == pairs.Negatives).narrow(0, 0, 4).all().item<bool>());
        Assert.False(back.Negatives[4].any().item<bool>()); // without a positive there is no triplet
        Assert.Equal(triplets.Count, triplets.PositivePairs().Rows.size(0));
        Assert.Equal(pairs.Positives.sum().item<long>(), pairs.PositivePairs().Rows.size(0));
        Assert.Same(pairs, pairs.AsPairs());
        Assert.Same(triplets, triplets.AsTriplets());
    }

    /// <summary>Two classes of 2,048 rows have 17 billion triplets. Without the check the process would be killed.</summary>
    [Fact]
    public void TripletsThatDoNotFitInMemory_AreRefused_WithTheirNumber()
    {
        using var scope = NewDisposeScope();
        var pairs = Pairs.FromLabels(arange(4096, dtype: int64).remainder(2));
        const string many = "17,171,480,576 triplets need about ";
        Assert.StartsWith(many, Assert.Throws<InvalidOperationException>(pairs.AsTriplets).Message);
        var d = zeros(4096, 4096);
        var message = Assert.Throws<InvalidOperationException>(() => new TripletMarginMiner().Mine(d, pairs)).Message;
        Assert.StartsWith(many, message);
        const string remedy = "Use a miner that picks fewer, such as TripletMarginMiner with a Cap or BatchHardMiner, or a smaller batch.";
        Assert.EndsWith(remedy, message);
        Assert.Equal(1000, new TripletMarginMiner { Cap = 1000 }.Mine(d, pairs).Count);
    }

    [Fact]
    public void Count_IsOfTripletsOrOfPairsOfBothKinds()
    {
        using var labels = tensor([4L, 9, 4]);
        using Tuples pairs = Pairs.FromLabels(labels);
        Assert.Equal(6, pairs.Count); // 2 positive, 4 negative
        using Tuples triplets = pairs.AsTriplets();
        Assert.Equal(2, triplets.Count);
    }

    [Fact]
    public void FromLabels_LeavesTheSelfThatWasGiven()
    {
        using var scope = NewDisposeScope();
        var (labels, self) = (tensor([0L, 1]), tensor([0L, 1]));
        Pairs.FromLabels(labels, labels, self).Dispose();
        Assert.Equal([0L, 1], self.data<long>());
    }

    [Theory, InlineData(0), InlineData(1)]
    public void NothingToPair(int rows)
    {
        using var scope = NewDisposeScope();
        var pairs = Pairs.FromLabels(zeros(rows, ScalarType.Int64));
        Assert.Equal(0, pairs.AsTriplets().Count);
        Assert.Equal([rows, rows], pairs.AsTriplets().AsPairs().Positives.shape);
    }

    [Fact]
    public void EachMethod_LeavesWhatItReturns()
    {
        using var labels = tensor([0L, 1, 0, 1]);
        using var pairs = Pairs.FromLabels(labels);
        using var triplets = pairs.AsTriplets();
        using var back = triplets.AsPairs();
        var (rows, columns) = pairs.NegativePairs();
        rows.Dispose();
        columns.Dispose();
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        var mask = zeros([2, 3], ScalarType.Bool);
        string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;
        Assert.StartsWith("positives must be bool [N, M], got Float32 [2, 3].", Message(() => _ = new Pairs(zeros(2, 3), mask)));
        Assert.StartsWith("negatives must be bool [2, 3], got Bool [3, 2].", Message(() => _ = new Pairs(mask, mask.t())));
        Assert.StartsWith("Value cannot be null. (Parameter 'positives')", Message(() => _ = new Pairs(null!, mask)));
        Assert.StartsWith("rows must be at least 0.", Message(() => Triplets.Packed(-3)));
        Assert.StartsWith("positives must be [2], got [1].",
            Message(() => _ = new Triplets(tensor([0L, 1]), tensor([0L]), tensor([0L]), 2, 2)));
    }

    /// <summary>Column 9 of row 0 lies where column 1 of row 1 lies: as a mask it would be another pair.</summary>
    [Theory]
    [InlineData(0, 9, 1, "positives must be in [0, 8), got 9 in row 0.")]
    [InlineData(0, 1, -1, "negatives must be in [0, 8), got -1 in row 0.")]
    [InlineData(2, 1, 1, "anchors must be in [0, 2), got 2 in row 0.")]
    public void TripletsOutsideTheMatrix_GiveNoPairs(long anchor, long positive, long negative, string message)
    {
        using var scope = NewDisposeScope();
        using var triplets = new Triplets(tensor([anchor]), tensor([positive]), tensor([negative]), 2, 8);
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(triplets.AsPairs).Message);
    }

    /// <summary>More indices than an array holds. The tensor has the memory of one.</summary>
    [Fact]
    public void MoreIndicesThanAnArrayHolds_AreRefusedByName()
    {
        using var scope = NewDisposeScope();
        var many = zeros(1, ScalarType.Int64).expand(1L << 31);
        using var triplets = new Triplets(many, many, many, 1, 1);
        Assert.StartsWith("anchors must have at most 2,147,483,591 indices, got 2,147,483,648.",
            Assert.Throws<ArgumentException>("anchors", () => triplets.Indices).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GuideDistances_ThatAreIntegers_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var pairs = Pairs.FromLabels(tensor([0L, 0, 1]));
        Assert.StartsWith("guideDistances must be floating point, got Int64.",
            Assert.Throws<ArgumentException>(() => pairs.WithoutFalseNegatives(zeros(3, 3, ScalarType.Int64))).Message);
    }
}
