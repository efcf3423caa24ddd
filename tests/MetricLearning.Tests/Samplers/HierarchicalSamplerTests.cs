using CsCheck;

namespace MetricLearning.Tests;

public class HierarchicalSamplerTests
{
    [Fact]
    public void EveryBatch_HoldsCCategoriesOfPClassesOfKPictures() =>
        Gen.Select(Gen.Int[1, 3], Gen.Int[1, 3], Gen.Int[1, 3], Gen.ULong).Sample((c, p, k, seed) =>
        {
            // 4 categories of 3 to 6 classes of 3 to 5 pictures, and one with too few of either.
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

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.Contains("got 1 and 2 for class 0", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0], [1, 2], 1, 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("at least 2 with 1 classes of 2 pictures, got 1", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0, 1], [1, 1, 2], 2, 1, 2)).Message, StringComparison.Ordinal);
        Assert.Contains("one entry a picture, 3, got 1", Assert.Throws<ArgumentException>(() =>
            new HierarchicalSampler([0, 0, 1], [1], 2, 1, 2)).Message, StringComparison.Ordinal);
    }
}
