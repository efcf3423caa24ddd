using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class HardNegativeSearchTests
{
    private static readonly long[] labels = [.. Enumerable.Range(0, 40).Select(i => i == 39 ? 99L : i % 5)];

    private static Tensor Features(int seed = 1) => LossTable.Random(seed, 40, 6);

    private static double[,] Cosines(Tensor x)
    {
        var rows = Enumerable.Range(0, 40).Select(i => x[i].data<double>().ToArray()).ToArray();
        var cosines = new double[40, 40];
        for (var i = 0; i < 40; i++)
            for (var j = 0; j < 40; j++)
                cosines[i, j] = rows[i].Zip(rows[j], (a, b) => a * b).Sum()
                    / Math.Sqrt(rows[i].Sum(a => a * a) * rows[j].Sum(b => b * b));
        return cosines;
    }

    /// <summary>A block takes about 0.5 GB for each matrix of similarities, however large the corpus is.</summary>
    [Theory, InlineData(0, 256), InlineData(1 << 18, 256), InlineData(1_000_000, 67), InlineData(10_000_000_000, 1)]
    public void ABlock_HasFewerRows_InALargeCorpus(long rows, int block) => Assert.Equal(block, HardNegativeSearch.BlockOf(rows));

    /// <summary>Finds the same triplets by plain loops.</summary>
    private static List<(long, long, long)> Naive(HardNegativeSearch search, double[,] own, double[,] guide)
    {
        var found = new List<(long, long, long)>();
        for (var i = 0; i < 40; i++)
        {
            var positives = Enumerable.Range(0, 40).Where(j => j != i && labels[j] == labels[i]).ToList();
            if (positives.Count == 0) continue;
            var positive = search.FarthestPositive ? positives.MinBy(j => guide[i, j]) : positives.MaxBy(j => guide[i, j]);
            var limit = guide[i, positive];
            found.AddRange(Enumerable.Range(0, 40).Where(j => labels[j] != labels[i]).OrderByDescending(j => own[i, j])
                .Take(search.LastRank).Skip(search.SkippedRanks)
                .Where(j => guide[i, j] < (search.MaximumSimilarity ?? 2) && guide[i, j] > (search.MinimumSimilarity ?? -2)
                    && guide[i, j] <= limit - (search.AbsoluteMargin ?? -9)
                    && (search.RelativeMargin is not { } share || guide[i, j] <= limit - share * Math.Abs(limit)))
                .Take(search.NegativesPerAnchor).Select(j => ((long)i, (long)positive, (long)j)));
        }
        return found;
    }

    public static TheoryData<string> Searches => [.. searches.Keys];

    private static readonly Dictionary<string, HardNegativeSearch> searches = new()
    {
        ["default"] = new(),
        ["ranks"] = new() { SkippedRanks = 2, LastRank = 4, NegativesPerAnchor = 9 },
        ["limits"] = new() { MaximumSimilarity = 0.7, MinimumSimilarity = 0.1, NegativesPerAnchor = 100 },
        ["absolute"] = new() { AbsoluteMargin = 0.05, FarthestPositive = true },
        ["relative"] = new() { RelativeMargin = 0.2, NegativesPerAnchor = 1 },
        ["relative, farthest"] = new() { RelativeMargin = 0.2, FarthestPositive = true, NegativesPerAnchor = 20 },
    };

    [Theory, MemberData(nameof(Searches))]
    public void ItFinds_WhatPlainLoopsFind_WithAndWithoutATeacher(string name)
    {
        using var scope = NewDisposeScope();
        var search = searches[name];
        var (x, t) = (Features(), Features(2));
        Assert.Equal(Naive(search, Cosines(x), Cosines(x)), search.Find(x, labels).Select(hard => hard.Triplet));
        var guided = search.Find(x, labels, t);
        Assert.Equal(Naive(search, Cosines(x), Cosines(t)), guided.Select(hard => hard.Triplet));
        Assert.All(guided, hard => Assert.Equal(Cosines(t)[hard.Anchor, hard.Negative], hard.NegativeSimilarity, 12));
        Assert.NotEmpty(guided);
    }

    [Fact]
    public void ARelativeMargin_StaysBelowThePositive_WhateverItsSign()
    {
        using var scope = NewDisposeScope();
        Tensor Row(double cosine) => tensor(new[] { cosine, Math.Sqrt(1 - cosine * cosine) }).unsqueeze(0);
        var x = cat([Row(1), Row(-0.5), Row(-0.49), Row(-0.51), Row(-0.8)]);
        var found = new HardNegativeSearch { RelativeMargin = 0.05 }.Find(x, [0, 0, 1, 2, 3]);
        Assert.Equal([4L], found.Where(hard => hard.Anchor == 0).Select(hard => hard.Negative));
    }

    [Fact]
    public void Draws_AreSeeded_AndAmongThosePassing()
    {
        using var scope = NewDisposeScope();
        var x = Features();
        var search = new HardNegativeSearch { Draws = true, LastRank = 10, NegativesPerAnchor = 2, Seed = 3 };
        var drawn = search.Find(x, labels);
        Assert.Equal(drawn, search.Find(x, labels));
        Assert.NotEqual(drawn, (search with { Seed = 4 }).Find(x, labels));
        var all = (search with { Draws = false, NegativesPerAnchor = 10 }).Find(x, labels).ToHashSet();
        Assert.Subset(all, drawn.ToHashSet());
        Assert.Equal(39 * 2, drawn.Count);
    }

    [Fact]
    public void ItFeedsASampler_AndRefusesWhatDoesNotFit()
    {
        using var scope = NewDisposeScope();
        var x = Features();
        var sampler = new FixedTripletsSampler([.. new HardNegativeSearch().Find(x, labels).Select(hard => hard.Triplet)], 8);
        Assert.Equal(39 * 3 * 3, sampler.Count);
        Assert.Empty(new HardNegativeSearch().Find(x.narrow(0, 0, 0), []));
        Assert.Throws<ArgumentException>(() => new HardNegativeSearch().Find(x, [1, 2]));
        Assert.Throws<ArgumentException>(() => new HardNegativeSearch().Find(x, labels, x.narrow(0, 0, 3)));
        Assert.Throws<InvalidOperationException>(() => new HardNegativeSearch { SkippedRanks = 5, LastRank = 5 }.Find(x, labels));
        x[3, 2] = double.NaN;
        Assert.Throws<ArgumentException>(() => new HardNegativeSearch().Find(x, labels));
    }
}
