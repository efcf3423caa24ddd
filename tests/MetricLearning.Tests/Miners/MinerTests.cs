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
        Same(new SemiHardMiner { Positives = SemiHardPositives.Easiest, Fallback = SemiHardFallback.FarthestNegative },
            (d, positives, negatives) =>
            positives.OrderBy(p => d[p]).Take(1).SelectMany(p => BeyondOrFarthest(d, p, negatives)));

    [Theory, MemberData(nameof(TwoKinds))]
    public void BatchEasyHard_IsOneOfEach(Hardness positive, Hardness negative)
    {
        if (positive == Hardness.SemiHard && negative == Hardness.SemiHard)
        {
            Assert.Throws<ArgumentException>(() => new BatchEasyHardMiner(positive, negative));
            return;
        }
        Same(new BatchEasyHardMiner(positive, negative), (d, positives, negatives) =>
        {
            int[] One(int[] from, bool farthest) => [.. (farthest ? from.OrderByDescending(i => d[i]) : from.OrderBy(i => d[i])).Take(1)];
            if (positive == Hardness.SemiHard)
                return from n in One(negatives, negative == Hardness.Easy) from p in One([.. positives.Where(p => d[p] < d[n])],
                    farthest: true) select (p, n);
            return from p in One(positives, positive == Hardness.Hard)
                   from n in negative == Hardness.SemiHard ? One([.. negatives.Where(n => d[n] > d[p])], false)
                       : One(negatives, negative == Hardness.Easy)
                   select (p, n);
        });
    }

    public static MatrixTheoryData<Hardness, Hardness> TwoKinds =>
        new([Hardness.Easy, Hardness.SemiHard, Hardness.Hard], [Hardness.Easy, Hardness.SemiHard, Hardness.Hard]);

    [Fact]
    public void BatchEasyHard_KeepsToTheRanges() =>
        Same(new BatchEasyHardMiner(Hardness.Hard, Hardness.All) { PositiveRange = (1, 3), NegativeRange = (2, 4) },
            (d, positives, negatives) =>
            from p in positives.Where(p => d[p] is >= 1 and <= 3).OrderByDescending(p => d[p]).Take(1)
            from n in negatives.Where(n => d[n] is >= 2 and <= 4)
            select (p, n));

    [Fact]
    public void BatchEasyHard_SemiHardNeedsOneOpponent()
    {
        foreach (var (positive, negative) in new[] { (Hardness.SemiHard, Hardness.SemiHard), (Hardness.SemiHard, Hardness.All),
            (Hardness.All, Hardness.SemiHard) })
            Assert.StartsWith("semi-hard is relative to one chosen opponent",
                Assert.Throws<ArgumentException>(() => new BatchEasyHardMiner(positive, negative)).Message);
    }

    [Theory, InlineData(Hardness.All), InlineData(Hardness.Easy), InlineData(Hardness.Hard), InlineData(Hardness.SemiHard)]
    public void TripletMargin_IsByTheMargin(Hardness kind) =>
        Same(new TripletMarginMiner(margin: 2, kind), (d, positives, negatives) =>
            from p in positives
            from n in negatives
            let t = d[n] - d[p]
            where kind switch { Hardness.All => t <= 2, Hardness.Easy => t > 2, Hardness.Hard => t <= 0, _ => t is > 0 and <= 2 }
            select (p, n));

    [Fact]
    public void NHard_IsByRank() =>
        Same(new NHardMiner(1..3, ..^1), (d, positives, negatives) =>
            from p in positives.OrderByDescending(p => d[p]).Skip(1).Take(2)
            from n in negatives.OrderBy(n => d[n]).SkipLast(1)
            select (p, n));

    [Fact]
    public void NHard_WantsARank() => Assert.Throws<ArgumentOutOfRangeException>(() => new NHardMiner(0..1, 2..2));

    [Fact]
    public void MultiSimilarity_IsWithinEpsilonOfTheHardest() =>
        Same(new MultiSimilarityMiner(epsilon: 1), (d, positives, negatives) =>
            from p in positives
            where negatives.Any(n => d[p] + 1 > d[n])
            from n in negatives
            where positives.Any(q => d[n] - 1 < d[q])
            select (p, n));

    [Fact]
    public void PairMargin_IsByItsMargins() =>
        Same(new PairMarginMiner(1, 4), (d, positives, negatives) => from p in positives where d[p] > 1 from n in negatives
            where d[n] < 4 select (p, n));

    [Fact]
    public void Hdc_IsTheHardestPartOfTheBatch()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(3, 9, 4);
        var labels = tensor([0L, 0, 0, 1, 1, 2, 2, 2, 3]);
        var (d, pairs) = (Distance.Euclidean.Matrix(x, x), Pairs.FromLabels(labels));
        var mined = new HdcMiner(0.3).Mine(d, pairs).AsPairs();
        Assert.Equal(5, mined.Positives.sum().item<long>()); // of 14
        Assert.Equal(18, mined.Negatives.sum().item<long>()); // of 58
        Assert.True((d[mined.Positives].min() >= d[pairs.Positives & mined.Positives.logical_not()].max()).item<bool>());
        Assert.True((d[mined.Negatives].max() <= d[pairs.Negatives & mined.Negatives.logical_not()].min()).item<bool>());
    }

    [Fact]
    public void WhatIsMined_IsFreedWithoutTheCandidates_WhereNothingIsToBeHad()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(3, 4, 4);
        foreach (var labels in new[] { tensor([0L, 1, 2, 3]), tensor([0L, 0, 0, 0]) })
            foreach (var name in MinerTable.Names)
            {
                var (d, pairs) = (Distance.Euclidean.Matrix(x, x), Pairs.FromLabels(labels));
                var mined = MinerTable.Create(name).Mine(d, pairs);
                if (ReferenceEquals(mined, pairs)) continue;
                mined.Dispose();
                Assert.Equal(4, pairs.Positives.size(0));
                Assert.Equal(4, pairs.Negatives.size(0));
            }
    }

    [Fact]
    public void Angular_IsTheAngleOfItsLoss_WithReferencesToo()
    {
        using var scope = NewDisposeScope();
        var (x, y) = (LossTable.Random(3, 8, 3), LossTable.Random(4, 7, 3));
        var (a, b) = (tensor([0L, 1, 2, 0, 1, 2, 0, 1]), tensor([0L, 1, 2, 2, 0, 1, 5]));
        using var batch = new LossBatch(x, a, y, b);
        var miner = new AngularMiner(30);
        var mined = miner.Mine(batch.Distances(miner.Distance!)).AsTriplets();
        var all = batch.Candidates.AsTriplets();
        var center = (x[all.Anchors] + y[all.Positives]) / 2;
        var angle = ((x[all.Anchors] - y[all.Positives]).norm(1) / (y[all.Negatives] - center).norm(1) / 2).atan() * (180 / Math.PI);
        var kept = (angle > 30).nonzero().squeeze(1);
        Assert.InRange(kept.size(0), 1, all.Count - 1);
        Assert.Equal(all.Anchors[kept].data<long>(), mined.Anchors.data<long>());
        Assert.Equal(all.Positives[kept].data<long>(), mined.Positives.data<long>());
        Assert.Equal(all.Negatives[kept].data<long>(), mined.Negatives.data<long>());
        Assert.StartsWith("The angular miner needs", Assert.Throws<InvalidOperationException>(
            () => miner.Mine(batch.Distances(miner.Distance!).Matrix, batch.Candidates)).Message);
    }

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

    public static TheoryData<string> Miners => [.. MinerTable.Names.Where(name => name != "triplet margin capped")];

    [Theory, MemberData(nameof(Miners))]
    public void ANaN_IsAlwaysTaken(string name)
    {
        using var scope = NewDisposeScope();
        var miner = name == "distance-weighted" ? new DistanceWeightedMiner(4) : MinerTable.Create(name);
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
        foreach (var name in MinerTable.Names.Where(name => name != "all"))
        {
            using var mined = MinerTable.Create(name).Mine(distances, pairs);
            Assert.False(mined is Triplets triplets ? triplets.Anchors.requires_grad : mined.AsPairs().Positives.requires_grad);
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
