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
    public void BatchHard_WithKeepTies_TakesAllOfThem() =>
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

    /// <summary>All pairs of a hardness of positives and one of negatives, except semi-hard twice, which the miner refuses.</summary>
    public static TheoryData<Hardness, Hardness> TwoKinds
    {
        get
        {
            var kinds = new TheoryData<Hardness, Hardness>();
            Hardness[] all = [Hardness.Easy, Hardness.SemiHard, Hardness.Hard];
            foreach (var positive in all)
                foreach (var negative in all)
                    if (positive != Hardness.SemiHard || negative != Hardness.SemiHard) kinds.Add(positive, negative);
            return kinds;
        }
    }

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
            Assert.StartsWith("semi-hard needs one opponent on the other side",
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
    public void NHard_NeedsARank() => Assert.Throws<ArgumentOutOfRangeException>(() => new NHardMiner(0..1, 2..2));

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
    public void Hdc_TakesTheHardestPartOfTheBatch()
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
    public void MinedTuples_AreFreedWithoutTheCandidates()
    {
        using var scope = NewDisposeScope();
        var x = LossTable.Random(3, 4, 4);
        foreach (var labels in new[] { tensor([0L, 1, 2, 3]), tensor([0L, 0, 0, 0]), tensor([0L, 0, 1, 1]) })
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
        Assert.StartsWith("The angular miner also needs", Assert.Throws<InvalidOperationException>(
            () => miner.Mine(batch.Distances(miner.Distance!).Matrix, batch.Candidates)).Message);
    }

    [Fact]
    public void Angular_RefusesOtherDistances()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(Distance.Euclidean, new AngularMiner().Distance);
        Assert.Equal(Distance.Euclidean.Normalized(), new AngularMiner { Distance = Distance.Euclidean.Normalized() }.Distance);
        foreach (var distance in new[] { Distance.Cosine, Distance.EuclideanSquared, null })
            Assert.Equal("Distance", Assert.Throws<ArgumentException>(() => new AngularMiner { Distance = distance }).ParamName);
        using var batch = new LossBatch(LossTable.Random(1, 4, 3), tensor([0L, 0, 1, 1]));
        Assert.StartsWith("Distance must be Euclidean or Euclidean.Normalized(), got Cosine.",
            Assert.Throws<ArgumentException>(() => new AngularMiner().Mine(batch.Distances(Distance.Cosine))).Message);
    }

    public static TheoryData<string> All => [.. MinerTable.Names];

    [Theory, MemberData(nameof(All))]
    public void Mine_OfABatch_IsThatOfItsView_AndALossTakesIt(string name)
    {
        using var scope = NewDisposeScope();
        var (x, y) = LossTable.Batch();
        x.requires_grad_();
        AreOfTheView(name, miner => miner.Mine(x, y), () => new LossBatch(x, y), (loss, tuples) => loss.forward(x, tuples));
    }

    [Theory, MemberData(nameof(All))]
    public void Mine_WithReferences_IsThatOfItsView_AndALossTakesIt(string name)
    {
        using var scope = NewDisposeScope();
        var ((x, y), (references, labels)) = (LossTable.Batch(), LossTable.Batch(seed: 2));
        AreOfTheView(name, miner => miner.Mine(x, y, references, labels), () => new LossBatch(x, y, references, labels),
            (loss, tuples) => loss.forward(x, tuples, references));
    }

    /// <summary>Asserts that a miner mines the same tuples from a batch as from its <see cref="LossBatch"/>, that a loss accepts them after
    /// that view is disposed, and that no other tensor is left.</summary>
    private static void AreOfTheView(string name, Func<Miner, Tuples> mine, Func<LossBatch> make, Func<TupleLoss, Tuples, Tensor> cost)
    {
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var tuples = mine(MinerTable.Create(name)))
        {
            using (NewDisposeScope())
            {
                using var batch = make();
                var miner = MinerTable.Create(name);
                Equal(miner.Mine(batch.Distances(miner.Distance ?? Distance.Euclidean)), tuples);
                Assert.False(tuples.AsPairs().Positives.requires_grad);
            }
            using var loss = new TripletLoss { Miner = Miner.All };
            using var value = cost(loss, tuples);
            Assert.True(double.IsFinite(value.item<double>()));
        }
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Mine_OfNoRows_IsNoTuple()
    {
        foreach (var name in MinerTable.Names)
        {
            using var scope = NewDisposeScope();
            Assert.Equal(0, MinerTable.Create(name).Mine(zeros(0, 3), zeros(0, ScalarType.Int64)).Count);
        }
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

    private static void Equal(Tuples expected, Tuples actual)
    {
        Assert.Equal((expected.GetType(), expected.Rows, expected.Columns, expected.Count),
            (actual.GetType(), actual.Rows, actual.Columns, actual.Count));
        foreach (var (one, other) in new[] { (expected.PositivePairs(), actual.PositivePairs()),
            (expected.NegativePairs(), actual.NegativePairs()) })
        {
            Assert.Equal(one.Rows.data<long>().ToArray(), other.Rows.data<long>().ToArray());
            Assert.Equal(one.Columns.data<long>().ToArray(), other.Columns.data<long>().ToArray());
        }
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
