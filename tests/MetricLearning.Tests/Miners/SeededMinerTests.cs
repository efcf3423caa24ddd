using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests the miners that draw: the distribution of the draws, and that a seed repeats them.</summary>
[LeavesNoTensors]
public class SeededMinerTests
{
    [Fact]
    public void Reservoir_TakesEverySetEquallyOften()
    {
        var counts = new Dictionary<string, int>();
        const int Rounds = 10_000;
        for (var i = 0; i < Rounds; i++)
        {
            var kept = string.Join(' ', Reservoir.Sample(SeededRandom.ForStream(1, (ulong)i), 6, 2));
            counts[kept] = counts.GetValueOrDefault(kept) + 1;
        }
        Assert.Equal(15, counts.Count);
        var expected = Rounds / 15.0;
        // χ², 14 degrees of freedom, p = 0.001
        Assert.InRange(counts.Values.Sum(count => (count - expected) * (count - expected) / expected), 0, 36.1);
    }

    [Fact]
    public void Reservoir_SkipsThroughAnEndlessStream()
    {
        var kept = Reservoir.Sample(new SeededRandom(5), 1L << 60, 100);
        Assert.Equal(100, kept.Distinct().Count());
        Assert.All(kept, place => Assert.InRange(place, 0, (1L << 60) - 1));
        Assert.InRange(kept.Average(place => (double)place) / (1L << 60), 0.35, 0.65);
        Assert.Equal([0L, 1, 2], Reservoir.Sample(new SeededRandom(5), 3, 100));
        Assert.Empty(Reservoir.Sample(new SeededRandom(5), 0, 3));
    }

    [Fact]
    public void Cap_DrawsSoManyOfTheSame()
    {
        using var scope = NewDisposeScope();
        var (d, pairs) = Batch();
        var all = Set(new TripletMarginMiner(0.5).Mine(d, pairs).AsTriplets());
        var capped = new TripletMarginMiner(0.5) { Cap = 7, Seed = 3 };
        var (first, second) = (Set(capped.Mine(d, pairs).AsTriplets()), Set(capped.Mine(d, pairs).AsTriplets()));
        Assert.Equal((7, 7), (first.Count, second.Count));
        Assert.Subset(all, first);
        Assert.NotEqual(first, second);
        Assert.Equal(2, capped.Calls);
        Assert.Equal(second, Set(new TripletMarginMiner(0.5) { Cap = 7, Seed = 3, Calls = 1 }.Mine(d, pairs).AsTriplets()));
        Assert.Equal(all, Set(new TripletMarginMiner(0.5) { Cap = all.Count }.Mine(d, pairs).AsTriplets()));
    }

    [Fact]
    public void DistanceWeighted_DrawsByTheDensityOfTheSphere()
    {
        using var scope = NewDisposeScope();
        double[] away = [0.2, 0.5, 0.9, 1.2, 1.39, 1.41, 1.9];
        const int Positives = 4000;
        var distances = cat([full([1, Positives], 0.1, ScalarType.Float64), tensor(away).unsqueeze(0)], 1);
        var pairs = Pairs.FromLabels(zeros(1, ScalarType.Int64),
            cat([zeros(Positives, ScalarType.Int64), ones(away.Length, ScalarType.Int64)]));
        var drawn = new DistanceWeightedMiner(dimension: 5).Mine(distances, pairs).AsTriplets();
        Assert.Equal(Positives, drawn.Count);
        var weights = away.Select(d => d >= 1.4 ? 0 : 1 / (Math.Pow(Math.Max(d, 0.5), 3) * (1 - Math.Pow(Math.Max(d, 0.5), 2) / 4)))
            .ToArray();
        var counts = drawn.Negatives.data<long>().ToArray().CountBy(n => n - Positives).ToDictionary();
        for (var i = 0; i < away.Length; i++)
        {
            var share = weights[i] / weights.Sum();
            Assert.Equal(share, counts.GetValueOrDefault(i) / (double)Positives, 4 * Math.Sqrt(share / Positives) + 1e-12);
        }
    }

    [Fact]
    public void UniformHistogram_TakesAsManyFromEachBin()
    {
        using var scope = NewDisposeScope();
        var (d, pairs) = Batch();
        var mined = new UniformHistogramMiner(bins: 4, positivesPerBin: 3, negativesPerBin: 2).Mine(d, pairs).AsPairs();
        foreach (var (of, from, perBin) in new[] { (mined.Positives, pairs.Positives, 3), (mined.Negatives, pairs.Negatives, 2) })
        {
            Assert.False((of & from.logical_not()).any().item<bool>());
            var (all, kept) = (d[from].data<double>().ToArray(), d[of].data<double>().ToArray());
            int Bin(double value) => Math.Min(3, (int)((value - all.Min()) / (all.Max() - all.Min()) * 4));
            for (var bin = 0; bin < 4; bin++) Assert.Equal(Math.Min(perBin, all.Count(v => Bin(v) == bin)), kept.Count(v => Bin(v) == bin));
        }
    }

    [Fact]
    public void WhatDoesNotFit_IsNamed()
    {
        Assert.StartsWith("dimension must be at least 2.", Assert.Throws<ArgumentOutOfRangeException>(
            () => new DistanceWeightedMiner(1)).Message);
        Assert.StartsWith("farthest must be above the cutoff", Assert.Throws<ArgumentOutOfRangeException>(
            () => new DistanceWeightedMiner(8, 0.5, 0.4)).Message);
        Assert.StartsWith("Cap must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(
            () => new TripletMarginMiner { Cap = 0 }).Message);
        Assert.StartsWith("bins must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(
            () => new UniformHistogramMiner(bins: 0)).Message);
    }

    /// <summary>All miners that draw, each with settings under which it draws from the batch.</summary>
    private static readonly Dictionary<string, Func<ulong, SeededMiner>> drawing = new()
    {
        [nameof(TripletMarginMiner)] = seed => new TripletMarginMiner(0.5) { Cap = 7, Seed = seed },
        [nameof(DistanceWeightedMiner)] = seed => new DistanceWeightedMiner(dimension: 5) { Seed = seed },
        [nameof(RandomTripletsMiner)] = seed => new RandomTripletsMiner(1) { Seed = seed },
        [nameof(UniformHistogramMiner)] = seed => new UniformHistogramMiner(4, 2, 2) { Seed = seed },
    };

    [Fact]
    public void EveryMinerThatDraws_ResumesFromACheckpoint()
    {
        using var scope = NewDisposeScope();
        var types = typeof(Miner).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(SeededMiner)));
        Assert.Equal(types.Select(type => type.Name).Order(), drawing.Keys.Order());
        var (d, pairs) = Batch();
        var path = Path.GetTempFileName();
        try
        {
            foreach (var make in drawing.Values)
            {
                const ulong Seed = ulong.MaxValue - 2;
                var (first, other) = (make(Seed), make(Seed));
                for (var call = 0; call < 3; call++) first.Mine(d, pairs);
                In(first).Save(path);
                var next = Drawn(first.Mine(d, pairs));
                Assert.NotEqual(next, Drawn(other.Mine(d, pairs)));
                In(other).Load(path);
                Assert.Equal((3, next), (other.Calls, Drawn(other.Mine(d, pairs))));
                Assert.Contains($"the seed {Seed} was saved",
                    Assert.Throws<InvalidDataException>(() => In(make(1)).Load(path)).Message);
            }
        }
        finally
        {
            File.Delete(path);
        }

        static TrainingCheckpoint In(SeededMiner miner)
        {
            var checkpoint = new TrainingCheckpoint();
            checkpoint.Add("miner", miner);
            return checkpoint;
        }

        static string Drawn(Tuples tuples)
        {
            var (positives, negatives) = (tuples.PositivePairs(), tuples.NegativePairs());
            return string.Join(' ', new[] { positives.Rows, positives.Columns, negatives.Rows, negatives.Columns }
                .SelectMany(places => places.data<long>().ToArray()));
        }
    }

    private static (Tensor Distances, Pairs Pairs) Batch()
    {
        var x = LossTable.Random(8, 16, 5);
        return (Distance.Euclidean.Normalized().Matrix(x, x), Pairs.FromLabels(arange(16, ScalarType.Int64) % 4));
    }

    private static HashSet<(long, long, long)> Set(Triplets t) =>
        [.. t.Anchors.data<long>().ToArray().Zip(t.Positives.data<long>().ToArray(), t.Negatives.data<long>().ToArray())];

    /// <summary>Neither the process nor a raw overflow ends the call: the error says what to change.</summary>
    [Theory, InlineData(int.MaxValue), InlineData(1 << 28)]
    public void RandomTriplets_ThatNoArrayHolds_AreRefused(int tripletsPerAnchor)
    {
        using var scope = NewDisposeScope();
        var e = Assert.Throws<InvalidOperationException>(
            () => new RandomTripletsMiner(tripletsPerAnchor).Mine(rand(4, 4), Pairs.FromLabels(tensor(new long[] { 1, 1, 2, 2 }))));
        Assert.Contains("triplets", e.Message);
    }
}
