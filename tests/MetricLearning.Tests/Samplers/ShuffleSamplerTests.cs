using CsCheck;

namespace MetricLearning.Tests;

public class ShuffleSamplerTests
{
    [Fact]
    public void AnEpoch_HoldsEveryRowOnce() =>
        Gen.Select(Gen.Int[8, 60], Gen.Int[1, 8], Gen.Enum<LastBatch>(), Gen.ULong).Sample((count, batch, last, seed) =>
        {
            var sampler = new ShuffleSampler(count, batch, last, seed: seed);
            var drawn = sampler.Draw(1);
            Assert.Equal(sampler.CountIn(1), drawn.Length);
            var expected = last switch
            {
                LastBatch.Drop => count / batch * batch,
                LastBatch.Short => count,
                _ => (count + batch - 1) / batch * batch,
            };
            Assert.Equal(expected, drawn.Length);
            Assert.Equal(Math.Min(expected, count), drawn.Distinct().Count());
            Assert.All(drawn, row => Assert.InRange(row, 0, count - 1));
        }, iter: 500);

    [Fact]
    public void TheDraw_NeverChanges() => Assert.Equal("0 5 2 6 3 4 1 7", string.Join(' ', new ShuffleSampler(8, 4, seed: 1).Draw(0)));

    [Fact]
    public void Shards_AreEqualAndDisjoint()
    {
        var shares = Enumerable.Range(0, 3).Select(rank => new ShuffleSampler(31, 6, shard: new SamplerShard(rank, 3), seed: 1).Draw(0))
            .ToList();
        Assert.All(shares, share => Assert.Equal(10, share.Length));    // the 31st row cannot be divided
        Assert.Equal(30, shares.SelectMany(share => share).Distinct().Count());
    }

    [Fact]
    public void Sequential_IsInOrder()
    {
        var sampler = new SequentialSampler(5, 2);
        Assert.Equal([[0L, 1], [2, 3], [4]], sampler.Batches());
        Assert.Equal(3, sampler.BatchesPerEpoch);
        Assert.Equal(new SamplerState(1, 0), sampler.State);
    }

    [Fact]
    public void ABatchLargerThanTheData_IsRefused()
    {
        Assert.Contains("count must be at least 8", Assert.Throws<ArgumentOutOfRangeException>(() =>
            new ShuffleSampler(7, 8, LastBatch.Drop)).Message, StringComparison.Ordinal);
        Assert.Equal(7, new ShuffleSampler(7, 8).Count);
    }
}
