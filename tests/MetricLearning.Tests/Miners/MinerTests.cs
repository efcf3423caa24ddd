using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class MinerTests
{
    /// <summary>Few labels and few distinct distances, so that ties and missing candidates are common.</summary>
    private static readonly Gen<(long[] Labels, long[] References, int[] Distances)> batches =
        from n in Gen.Int[1, 7]
        from m in Gen.Int[1, 7]
        from labels in Gen.Long[0, 3].Array[n]
        from references in Gen.Long[0, 3].Array[m]
        from distances in Gen.Int[0, 5].Array[n * m]
        select (labels, references, distances);

    [Fact]
    public void BatchHard_IsTheFarthestPositiveAndTheNearestNegative_LowestIndexFirst() =>
        Same(new BatchHardMiner(), (d, positives, negatives) =>
            positives.Length > 0 && negatives.Length > 0 ? [(positives.MaxBy(p => d[p]), negatives.MinBy(n => d[n]))] : []);

    [Fact]
    public void BatchHard_KeepTies_IsAllOfThem() =>
        Same(new BatchHardMiner { KeepTies = true }, (d, positives, negatives) =>
            from p in positives
            where d[p] == positives.Max(q => d[q])
            from n in negatives
            where d[n] == negatives.Min(q => d[q])
            select (p, n));

    [Fact]
    public void SemiHard_Each_IsTheNearestBeyond() =>
        Same(new SemiHardMiner(), (d, positives, negatives) => positives.SelectMany(p => Beyond(d, p, negatives)));

    [Fact]
    public void SemiHard_Each_FarthestOtherwise() =>
        Same(new SemiHardMiner { Fallback = SemiHardFallback.FarthestNegative }, (d, positives, negatives) =>
            positives.SelectMany(p => BeyondOrFarthest(d, p, negatives)));

    [Fact]
    public void SemiHard_Hardest() =>
        Same(new SemiHardMiner { Positives = SemiHardPositives.Hardest }, (d, positives, negatives) =>
            positives.OrderByDescending(p => d[p]).Take(1).SelectMany(p => Beyond(d, p, negatives)));

    [Fact]
    public void SemiHard_Easiest() =>
        Same(new SemiHardMiner { Positives = SemiHardPositives.Easiest, Fallback = SemiHardFallback.FarthestNegative }, (d, positives, negatives) =>
            positives.OrderBy(p => d[p]).Take(1).SelectMany(p => BeyondOrFarthest(d, p, negatives)));

    [Fact]
    public void All_KeepsEverything() =>
        Same(Miner.All, (d, positives, negatives) => from p in positives from n in negatives select (p, n));

    [Fact]
    public void AnchorIsPositive_KeepsLonelyAnchors()
    {
        using var scope = NewDisposeScope();
        var distances = tensor(new[,] { { 0.0, 2, 1 }, { 2, 0, 3 }, { 1, 3, 0 } });
        var mined = new BatchHardMiner { AnchorIsPositive = true }.Mine(distances, Pairs.FromLabels(tensor([0L, 0, 1]))).AsTriplets();
        Assert.Equal([0L, 1, 2], mined.Anchors.data<long>());
        Assert.Equal([1L, 0, 2], mined.Positives.data<long>());
        Assert.Equal([2L, 2, 0], mined.Negatives.data<long>());
    }

    public static TheoryData<string> Miners => [nameof(BatchHardMiner), "ties", nameof(SemiHardMiner), "hardest", "easiest"];

    [Theory, MemberData(nameof(Miners))]
    public void ANaN_IsAlwaysTaken(string name)
    {
        using var scope = NewDisposeScope();
        Miner miner = name switch
        {
            nameof(BatchHardMiner) => new BatchHardMiner(),
            "ties" => new BatchHardMiner { KeepTies = true },
            nameof(SemiHardMiner) => new SemiHardMiner(),
            "hardest" => new SemiHardMiner { Positives = SemiHardPositives.Hardest },
            _ => new SemiHardMiner { Positives = SemiHardPositives.Easiest },
        };
        var labels = tensor([0L, 0, 0, 1, 1, 2]);
        for (var row = 0; row < 6; row++)
        {
            var x = LossTable.Random(3, 6, 4);
            x[row, 0] = double.NaN;
            var distances = Distance.Euclidean.Matrix(x, x);
            var mined = miner.Mine(distances, Pairs.FromLabels(labels)).AsTriplets();
            var (near, far) = (distances[mined.Anchors, mined.Positives], distances[mined.Anchors, mined.Negatives]);
            Assert.True((near - far).isnan().any().item<bool>());
            Assert.True(Pairs.FromLabels(labels).Negatives[mined.Anchors, mined.Negatives].all().item<bool>());
        }
    }

    [Fact]
    public void Mined_CarriesNoGradient_AndLeavesOnlyItself()
    {
        using var x = rand([6, 3], requires_grad: true);
        using var labels = tensor([0L, 0, 0, 1, 1, 2]);
        using var distances = Distance.Euclidean.Matrix(x, x);
        using var pairs = Pairs.FromLabels(labels);
        foreach (var miner in new Miner[] { new BatchHardMiner(), new SemiHardMiner() })
        {
            using var mined = miner.Mine(distances, pairs);
            Assert.False(mined.AsTriplets().Anchors.requires_grad);
        }
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        using var scope = NewDisposeScope();
        var pairs = Pairs.FromLabels(tensor([0L, 1]));
        Assert.StartsWith("distances must be [2, 2], got [2, 3].",
            Assert.Throws<ArgumentException>(() => new BatchHardMiner().Mine(zeros(2, 3), pairs)).Message);
    }

    private static IEnumerable<(int, int)> Beyond(int[] d, int p, int[] negatives) =>
        negatives.Where(n => d[n] > d[p]).OrderBy(n => d[n]).Take(1).Select(n => (p, n));

    private static IEnumerable<(int, int)> BeyondOrFarthest(int[] d, int p, int[] negatives) =>
        Beyond(d, p, negatives).Concat(negatives.OrderByDescending(n => d[n]).Take(1).Select(n => (p, n))).Take(1);

    private static void Same(Miner miner, Func<int[], int[], int[], IEnumerable<(int P, int N)>> naive) => batches.Sample(batch =>
    {
        using var scope = NewDisposeScope();
        var (labels, references, values) = batch;
        var distances = tensor(values).to(ScalarType.Float32).view(labels.Length, references.Length);
        var mined = miner.Mine(distances, Pairs.FromLabels(tensor(labels), tensor(references))).AsTriplets();
        var all = Enumerable.Range(0, references.Length);
        var expected = Enumerable.Range(0, labels.Length).SelectMany(a => naive(
                values[(a * references.Length)..((a + 1) * references.Length)],
                [.. all.Where(j => references[j] == labels[a])], [.. all.Where(j => references[j] != labels[a])])
            .Select(pair => ((long)a, (long)pair.P, (long)pair.N)));
        Assert.Equal(expected.Order(), mined.Anchors.data<long>().ToArray()
            .Zip(mined.Positives.data<long>().ToArray(), mined.Negatives.data<long>().ToArray()).Order());
    }, iter: 300, threads: 1);
}
