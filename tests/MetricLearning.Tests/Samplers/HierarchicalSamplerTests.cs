using CsCheck;

namespace MetricLearning.Tests;

public class HierarchicalSamplerTests
{
    [Fact]
    public void EveryBatch_HoldsCCategoriesOfPClassesOfKPictures() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 3], Gen.ULong).Sample((c, p, k, seed) =>
        {
            // 4 categories of 3 to 6 classes of 3 to 5 images, and one category with too few of both.
            var rows = new List<(long Label, long Category)>();
            for (var category = 0; category < 4; category++)
                for (var one = 0; one < 3 + category; one++)
                    for (var i = 0; i < 3 + one % 3; i++) rows.Add((category * 100 + one, category));
            rows.Add((900, 9));
            new SeededRandom(4).Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rows));
            var sampler = new HierarchicalSampler([.. rows.Select(r => r.Label)], [.. rows.Select(r => r.Category)], c, p, k, seed: seed);
            var drawn = sampler.Draw(0);
            Assert.Equal(sampler.CountIn(0), drawn.Length);
            Assert.Equal(drawn, sampler.Draw(0));
            foreach (var batch in drawn.Chunk(c * p * k))
            {
                Assert.Equal(c * p * k, batch.Distinct().Count());
                var groups = batch.GroupBy(row => rows[(int)row].Category).ToList();
                Assert.Equal(c, groups.Count);
                Assert.All(groups, group =>
                {
                    var classes = group.GroupBy(row => rows[(int)row].Label).ToList();
                    Assert.Equal(p, classes.Count);
                    Assert.All(classes, one => Assert.Equal(k, one.Count()));
                });
            }
        }, iter: 200);

    /// <summary>Category c has c + 2 classes of 2 images.</summary>
    private static (long[] Labels, long[] Categories) Growing(int categories)
    {
        var rows = Enumerable.Range(0, categories)
            .SelectMany(category => Enumerable.Range(0, category + 2).SelectMany(
                one => Enumerable.Repeat((category * 100L + one, (long)category), 2)))
            .ToArray();
        return ([.. rows.Select(row => row.Item1)], [.. rows.Select(row => row.Item2)]);
    }

    [Fact]
    public void WeighedByClasses_CategoriesComeInProportionToThem()
    {
        var (labels, categories) = Growing(3);
        var drawn = new HierarchicalSampler(labels, categories, 1, 2, 2, HierarchyDraw.WeighedByClasses, batchesPerEpoch: 9_000, seed: 5)
            .Draw(0);
        for (var category = 0; category < 3; category++)
        {
            var share = (category + 2) / 9.0;
            var deviation = Math.Sqrt(share * (1 - share) / 9_000);
            Assert.InRange(drawn.Chunk(4).Count(batch => categories[batch[0]] == category) / 9_000.0, share - 4 * deviation,
                share + 4 * deviation);
        }
    }

    [Fact]
    public void DistinctClasses_NoneComesAgain_BeforeTooFewCategoriesAreLeft()
    {
        var (labels, categories) = Growing(4); // 2, 3, 4, 5 classes: with P = 2, rounds of 1, 1, 2, 2 draws
        var sampler = new HierarchicalSampler(labels, categories, 2, 2, 1, HierarchyDraw.DistinctClasses, batchesPerEpoch: 300, seed: 5);
        var came = new HashSet<long>();
        var left = new[] { 1, 1, 2, 2 };
        foreach (var batch in sampler.Draw(0).Chunk(4))
        {
            if (left.Count(draws => draws > 0) < 2) (came, left) = ([], [1, 1, 2, 2]);
            foreach (var pair in batch.Chunk(2))
            {
                Assert.True(came.Add(labels[pair[0]]) && came.Add(labels[pair[1]]));
                left[categories[pair[0]]]--;
            }
            Assert.All(left, draws => Assert.True(draws >= 0));
        }
    }

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.Contains("got 1 and 2 for class 0", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0], [1, 2], 1, 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("at least 2 with 1 classes of 2 images, got 1", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0, 1], [1, 1, 2], 2, 1, 2)).Message, StringComparison.Ordinal);
        Assert.Contains("one entry per image, 3, got 1", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0, 1], [1], 2, 1, 2)).Message, StringComparison.Ordinal);
    }
}
