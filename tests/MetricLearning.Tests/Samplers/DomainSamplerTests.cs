using CsCheck;

namespace MetricLearning.Tests;

public class DomainSamplerTests
{
    [Fact]
    public void EveryBatch_HoldsKRowsOfNDomains_UntilOneRunsShort() =>
        Gen.Select(Gen.Int[4, 20].Array[2, 5], Gen.Int[1, 2], Gen.Int[1, 4], Gen.ULong).Sample((sizes, n, k, seed) =>
        {
            var domains = sizes.SelectMany((size, domain) => Enumerable.Repeat((long)domain, size)).ToArray();
            new SeededRandom(1).Shuffle(domains.AsSpan());
            var sampler = new DomainSampler(domains, n, k, seed: seed);
            var drawn = sampler.Draw(0);
            Assert.Equal(drawn.Length, drawn.Distinct().Count());
            var left = (int[])sizes.Clone();
            foreach (var batch in drawn.Chunk(n * k))
            {
                Assert.All(left, rows => Assert.True(rows >= k)); // or the epoch would have ended
                var groups = batch.Chunk(k).Select(group => Assert.Single(group.Select(row => domains[row]).Distinct())).ToList();
                Assert.Equal(n, groups.Distinct().Count());
                foreach (var domain in groups) left[domain] -= k;
            }
            Assert.Contains(left, rows => rows < k);
        }, iter: 200);

    [Fact]
    public void AllDomains_WhereNoneIsAskedFor() =>
        Assert.Equal(3, new DomainSampler([5, 5, 7, 7, 9, 9], rowsPerDomain: 2).DomainsPerBatch);

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.StartsWith("domains must each have at least 2 rows, got 1 of domain 7.",
            Assert.Throws<ArgumentException>(() => new DomainSampler([5, 5, 7], 1, 2)).Message);
        Assert.StartsWith("domains must hold at least 3, got 2.", Assert.Throws<ArgumentException>(
            () => new DomainSampler([5, 7], 3, 1)).Message);
        Assert.StartsWith("domains must not be empty.", Assert.Throws<ArgumentException>(() => new DomainSampler([])).Message);
    }

    [Fact]
    public void DomainIdentities_AreOfTheirDomains_AndTheLikelierTheMorePictures()
    {
        // In domain 0 identity 0 has 8 images and identity 1 has 2; domain 1 has identities 2 and 3 with 3 images each.
        long[] labels = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3];
        long[] domains = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
        var sampler = new DomainIdentitySampler(labels, domains, new Dictionary<long, int> { [1] = 2, [0] = 1 }, 3, batchesPerEpoch: 2_000);
        var first = 0;
        foreach (var batch in sampler.Batches())
        {
            var groups = batch.Chunk(3).Select(group => (Identity: Assert.Single(group.Select(row => labels[row]).Distinct()), Rows: group))
                .ToList();
            Assert.Equal(0, domains[groups[0].Rows[0]]);
            Assert.Equal([2L, 3], groups.Skip(1).Select(group => group.Identity).Order());
            Assert.All(groups.Where(group => group.Identity != 1), group => Assert.Equal(3, group.Rows.Distinct().Count()));
            if (groups[0].Identity == 0) first++;
        }
        Assert.InRange(first / 2_000.0, 0.77, 0.83); // 8 of 10, ± 3 standard deviations
    }

    [Fact]
    public void DomainIdentities_Errors()
    {
        Assert.StartsWith("domains must hold at least 2 identities of domain 7, got 1.", Assert.Throws<ArgumentException>(
            () => new DomainIdentitySampler([0, 1], [7, 8], new Dictionary<long, int> { [7] = 2 })).Message);
        Assert.StartsWith("domains must have one entry per image, 2, got 1.", Assert.Throws<ArgumentException>(
            () => new DomainIdentitySampler([0, 1], [7], new Dictionary<long, int> { [7] = 1 })).Message);
        Assert.StartsWith("identitiesPerDomain must name a domain, got none.", Assert.Throws<ArgumentException>(
            () => new DomainIdentitySampler([0, 1], [7, 7], new Dictionary<long, int>())).Message);
    }
}
