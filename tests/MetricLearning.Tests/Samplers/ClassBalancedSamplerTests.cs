namespace MetricLearning.Tests;

public class ClassBalancedSamplerTests
{
    private static readonly long[] labels = [.. Enumerable.Repeat(5L, 160), .. Enumerable.Repeat(6L, 40), .. Enumerable.Repeat(7L, 10)];

    [Theory]
    [InlineData(1.0, new[] { 1 / 3.0, 1 / 3.0, 1 / 3.0 })]
    [InlineData(0.0, new[] { 16 / 21.0, 4 / 21.0, 1 / 21.0 })]
    [InlineData(0.5, new[] { 4 / 7.0, 2 / 7.0, 1 / 7.0 })]    // the square roots of 16, 4, 1
    public void Shares_AreAsTheBalanceSays(double balance, double[] expected)
    {
        var drawn = new ClassBalancedSampler(labels, 100, balance, batchesPerEpoch: 400, seed: 2).Draw(0);
        for (var i = 0; i < 3; i++) Assert.Equal(expected[i], drawn.Count(row => labels[row] == 5 + i) / 40_000.0, 0.015);
    }

    [Fact]
    public void AClassIsUsedUp_BeforeARowComesAgain()
    {
        var drawn = new ClassBalancedSampler(labels, 30, batchesPerEpoch: 20, seed: 3).Draw(1);
        foreach (var (label, size) in new[] { (5L, 160), (6L, 40), (7L, 10) })
            foreach (var round in drawn.Where(row => labels[row] == label).Chunk(size)) Assert.Equal(round.Length, round.Distinct()
                .Count());
    }

    [Fact]
    public void CountsSeedsAndShards()
    {
        var sampler = new ClassBalancedSampler(labels, 20, seed: 1);
        Assert.Equal(10, sampler.BatchesPerEpoch);
        Assert.Equal(sampler.Count, sampler.Draw(0).Length);
        Assert.NotEqual(sampler.Draw(0), sampler.Draw(1));
        var whole = sampler.Draw(0).Chunk(20).ToList();
        var shares = Enumerable.Range(0, 2).Select(rank => new ClassBalancedSampler(labels, 20, shard: new SamplerShard(rank, 2), seed: 1)
            .Draw(0).Chunk(10).ToList()).ToList();
        for (var i = 0; i < whole.Count; i++) Assert.Equal(whole[i], shares[0][i].Concat(shares[1][i]));
        Assert.Throws<ArgumentException>(() => new ClassBalancedSampler([], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClassBalancedSampler(labels, 2, balance: 1.5));
    }

    [Fact]
    public void TheDraw_NeverChanges() =>
        Assert.Equal("6 6 5 6 4 2 5 6", string.Join(' ', new ClassBalancedSampler([0, 0, 0, 0, 1, 1, 2], 4, batchesPerEpoch: 2, seed: 1)
            .Draw(0)));
}
