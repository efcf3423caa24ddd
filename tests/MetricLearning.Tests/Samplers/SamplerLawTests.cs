using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests what docs/samplers.md promises for every sampler, on each row of <see cref="SamplerTable"/>.</summary>
public class SamplerLawTests
{
    public static TheoryData<string> Samplers => [.. SamplerTable.Names];

    public static TheoryData<string> Seeded => [.. SamplerTable.Seeded];

    public static MatrixTheoryData<string, int> Sharded => new(SamplerTable.Sharded, [2, 4]);

    [Fact]
    public void EverySampler_HasARow()
    {
        var all = typeof(Sampler).Assembly.GetExportedTypes().Where(type => type.IsSubclassOf(typeof(Sampler)) && !type.IsAbstract);
        Assert.Empty(all.Except(SamplerTable.Names.Select(name => SamplerTable.Create(name).GetType())));
    }

    [Theory, MemberData(nameof(Samplers))]
    public void AnEpoch_IsAPureFunctionOfSeedAndNumber(string name)
    {
        var generator = get_rng_state();
        var sampler = SamplerTable.Create(name);
        var epochs = Enumerable.Range(0, 4).Select(sampler.Draw).ToList();
        Assert.Equal(epochs[2], SamplerTable.Create(name).Draw(2));
        Assert.Equal(epochs[0], sampler.Draw(0));
        Assert.Equal(generator.data<byte>().ToArray(), get_rng_state().data<byte>().ToArray());
    }

    [Theory, MemberData(nameof(Seeded))]
    public void AnotherEpoch_AndAnotherSeed_GiveOtherRows(string name)
    {
        var first = SamplerTable.Create(name).Draw(0);
        Assert.NotEqual(first, SamplerTable.Create(name).Draw(1));
        Assert.NotEqual(first, SamplerTable.Create(name, seed: 4).Draw(0));
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Draws_OfManyThreadsAtOnce_AreThoseOfOne(string name)
    {
        var sampler = SamplerTable.Create(name);
        var expected = Enumerable.Range(0, 8).Select(SamplerTable.Create(name).Draw).ToArray();
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            Assert.Equal(expected[i % 8], sampler.Draw(i % 8));
            Assert.Equal(expected[i % 8].Length, sampler.CountIn(i % 8));
        });
    }

    [Theory, MemberData(nameof(Samplers))]
    public void ANegativeEpoch_IsRefused(string name)
    {
        var sampler = SamplerTable.Create(name);
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.Draw(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.CountIn(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.BatchesIn(-1));
    }

    [Theory, MemberData(nameof(Samplers))]
    public void Counts_AreExact_AndRowsAreOfTheData(string name)
    {
        var sampler = SamplerTable.Create(name);
        for (var epoch = 0; epoch < 5; epoch++)
        {
            var drawn = sampler.Draw(epoch);
            Assert.NotEmpty(drawn);
            Assert.Equal(sampler.CountIn(epoch), drawn.Length);
            Assert.Equal(sampler.BatchesIn(epoch), drawn.Chunk(sampler.BatchSize).Count());
            Assert.All(drawn, row => Assert.InRange(row, 0, SamplerTable.Labels.Length - 1));
            Assert.Equal(drawn, sampler.Batches().SelectMany(batch => batch));
        }
        Assert.Equal(new SamplerState(5, 0), sampler.State);
    }

    [Theory, MemberData(nameof(Samplers))]
    public void ARun_ResumesFromEveryPosition(string name)
    {
        var unbroken = SamplerTable.Create(name);
        var whole = unbroken.Concat(unbroken).ToArray();
        var first = SamplerTable.Create(name).Count;
        for (var position = 0; position <= first; position++)
        {
            var resumed = SamplerTable.Create(name);
            resumed.State = new(0, position);
            Assert.Equal(whole.Skip(position), position < first ? resumed.Concat(resumed) : resumed);
        }
    }

    [Theory, MemberData(nameof(Samplers))]
    public void AnEnumeration_GoesOnWhereTheLastOneWasAbandoned(string name)
    {
        var unbroken = SamplerTable.Create(name);
        var whole = unbroken.Concat(unbroken).ToArray();
        var first = SamplerTable.Create(name).Count;
        for (var taken = 0; taken <= first; taken++)
        {
            var sampler = SamplerTable.Create(name);
            Assert.Equal(whole[..taken], sampler.Take(taken));
            Assert.Equal(new SamplerState(taken < first ? 0 : 1, taken % first), sampler.State);
            Assert.Equal(whole[taken..], taken < first ? sampler.Concat(sampler) : sampler);
        }
        var byBatches = SamplerTable.Create(name);
        var seen = new List<long>();
        while (byBatches.State.Epoch < 2) seen.AddRange(byBatches.Batches().First());
        Assert.Equal(whole, seen);
    }

    /// <summary>A run goes back to a checkpoint in the middle of an epoch: the enumeration that is running must not undo it.</summary>
    [Theory, MemberData(nameof(Samplers))]
    public void AStateThatIsSetMeanwhile_StaysAndEndsTheEnumeration(string name)
    {
        var (sampler, whole) = (SamplerTable.Create(name), SamplerTable.Create(name));
        var (rows, batches) = (sampler.GetEnumerator(), sampler.Batches().GetEnumerator());
        sampler.State = new(2, 0);
        Assert.True(rows.MoveNext());
        sampler.State = new(1, 1);
        Assert.Contains("State was changed from 2, 1 (epoch, position) to 1, 1",
            Assert.Throws<InvalidOperationException>(() => rows.MoveNext()).Message);
        Assert.Equal(new(1, 1), sampler.State);

        Assert.True(batches.MoveNext());                    // a new enumeration
        var second = sampler.GetEnumerator();
        Assert.True(second.MoveNext());                     // another one moves the state on
        Assert.Throws<InvalidOperationException>(() => batches.MoveNext());
        Assert.Equal(whole.Draw(1)[sampler.BatchSize], second.Current);

        // After the last batch the state is free.
        foreach (var batch in sampler.Batches())
            if (sampler.State.Position == 0) sampler.State = new(0, 2);
        Assert.Equal(new(0, 2), sampler.State);
        Assert.Equal(whole.Draw(0)[2..], sampler);
    }

    /// <summary>All processes draw the same epoch. Their shares of a batch, joined, are the batch of one process.</summary>
    [Theory, MemberData(nameof(Sharded))]
    public void TheShares_OfAllProcesses_AreTheBatch(string name, int count)
    {
        var whole = SamplerTable.Create(name);
        var ranks = Enumerable.Range(0, count).Select(rank => SamplerTable.Create(name, new SamplerShard(rank, count))).ToList();
        for (var epoch = 0; epoch < 3; epoch++)
        {
            var batches = whole.Draw(epoch).Chunk(whole.BatchSize).ToList();
            var shares = ranks.Select(rank => rank.Draw(epoch).Chunk(rank.BatchSize).ToList()).ToList();
            Assert.All(ranks, rank => Assert.Equal(whole.BatchSize, rank.BatchSize * count));
            Assert.All(shares, share => Assert.Equal(shares[0].Count, share.Count));
            Assert.All(ranks.Zip(shares), pair => Assert.Equal(pair.First.CountIn(epoch), pair.Second.Sum(batch => batch.Length)));
            for (var i = 0; i < shares[0].Count; i++)
            {
                long[] together = [.. shares.SelectMany(share => share[i])];
                Assert.Equal(batches[i][..together.Length], together);
                if (batches[i].Length == whole.BatchSize) Assert.Equal(whole.BatchSize, together.Length);
            }
            Assert.True(batches.Count - shares[0].Count <= 1); // a last batch that cannot be divided
        }
    }
}
