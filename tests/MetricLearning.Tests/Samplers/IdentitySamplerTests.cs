using CsCheck;

namespace MetricLearning.Tests;

public class IdentitySamplerTests
{
    private static readonly long[] small = Labels(5, 2, 7, 4, 1, 4);

    /// <summary>Identities of these sizes, with their images mixed.</summary>
    private static long[] Labels(params int[] sizes)
    {
        var labels = sizes.SelectMany((size, identity) => Enumerable.Repeat((long)(identity * 10 - 7), size)).ToArray();
        new SeededRandom(99).Shuffle(labels.AsSpan());
        return labels;
    }

    private sealed record Case(long[] Labels, int P, int K, SmallIdentities Small, IdentityEpoch Epoch, LastBatch Last, long[]? Cameras,
        CameraSpread Spread, ulong Seed)
    {
        public IdentitySampler Sampler(SamplerShard shard = default) => new(Labels, P, K, Small, Epoch, Last, Cameras, Spread, shard, Seed);

        public int Eligible => Labels.GroupBy(l => l).Count(g => Small != SmallIdentities.LeaveOut || g.Count() >= K);
    }

    private static readonly IdentityEpoch[] epochs =
    [
        IdentityEpoch.AllImages, IdentityEpoch.EachIdentityOnce, IdentityEpoch.Independent(5), IdentityEpoch.AllImages.WithBatches(7),
        IdentityEpoch.EachIdentityOnce.WithBatches(6),
    ];

    private static readonly Gen<Case> cases =
        from sizes in Gen.Int[1, 9].Array[4, 14]
        from p in Gen.Int[1, 4]
        from k in Gen.Int[1, 5]
        from smallIdentities in Gen.Enum<SmallIdentities>()
        from epoch in Gen.Int[0, epochs.Length - 1].Select(i => epochs[i])
        from last in Gen.Enum<LastBatch>()
        from withCameras in Gen.Bool
        from spread in Gen.Enum<CameraSpread>()
        from seed in Gen.ULong
        select Make(Labels(sizes), p, k, smallIdentities, epoch, last, withCameras, spread, seed);

    private static Case Make(long[] labels, int p, int k, SmallIdentities small, IdentityEpoch epoch, LastBatch last, bool withCameras,
        CameraSpread spread, ulong seed)
    {
        var made = new Case(labels, p, k, small, epoch, last, withCameras ? [.. labels.Select((_, i) => i * 7L % 3)] : null, spread, seed);
        return made.Eligible >= p ? made : made with { Small = SmallIdentities.Repeat };
    }

    [Fact]
    public void EveryBatch_HoldsKPicturesEachOfPIdentities() => cases.Sample(c =>
    {
        var sampler = c.Sampler();
        var sizes = c.Labels.GroupBy(l => l).ToDictionary(g => g.Key, g => g.Count());
        for (var epoch = 0; epoch < 3; epoch++)
        {
            var drawn = sampler.Draw(epoch);
            Assert.Equal(sampler.CountIn(epoch), drawn.Length);
            var batches = drawn.Chunk(sampler.BatchSize).ToList();
            Assert.Equal(sampler.BatchesIn(epoch), batches.Count);
            foreach (var batch in batches)
            {
                if (batch.Length < c.P * c.K) Assert.True(c.Last == LastBatch.Short && c.Epoch.BatchCount is null && batch == batches[^1]);
                var identities = new List<long>();
                foreach (var group in batch.Chunk(c.K))
                {
                    Assert.Equal(c.K, group.Length);
                    var identity = Assert.Single(group.Select(row => c.Labels[row]).Distinct());
                    identities.Add(identity);
                    if (c.Small == SmallIdentities.LeaveOut) Assert.True(sizes[identity] >= c.K);
                    if (c.Cameras is not null && c.Spread == CameraSpread.OtherCamerasOnly) continue;
                    if (sizes[identity] >= c.K) Assert.Equal(c.K, group.Distinct().Count());
                    else if (c.Small == SmallIdentities.Repeat) Assert.Equal(sizes[identity], group.Distinct().Count());
                }
                Assert.Equal(identities.Count, identities.Distinct().Count());
            }
        }
    }, iter: 1_000);

    [Fact]
    public void AnEpochOfFixedLength_HasThatNumberOfBatches() => cases.Where(c => c.Epoch.BatchCount is not null).Sample(
        c => Assert.Equal(c.Epoch.BatchCount, c.Sampler().BatchesPerEpoch), iter: 600);

    [Fact]
    public void AnEpoch_FollowsItsPolicy() => cases.Where(c => c.Epoch.BatchCount is null).Sample(c =>
    {
        var drawn = c.Sampler().Draw(0);
        var groups = drawn.Length / c.K;
        var perIdentity = drawn.Chunk(c.K).GroupBy(group => c.Labels[group[0]]).ToDictionary(g => g.Key, g => g.Count());
        var ids = c.Labels.GroupBy(l => l).Where(g => c.Small != SmallIdentities.LeaveOut || g.Count() >= c.K).ToList();
        if (c.Epoch == IdentityEpoch.EachIdentityOnce)
        {
            var expected = c.Last switch
            {
                LastBatch.Drop => ids.Count / c.P * c.P,
                LastBatch.Short => ids.Count,
                _ => (ids.Count + c.P - 1) / c.P * c.P,
            };
            Assert.Equal(expected, groups);
            Assert.Equal(Math.Min(expected, ids.Count), perIdentity.Count);
        }
        else
        {
            var chunks = ids.ToDictionary(g => g.Key, g => Math.Max(1, g.Count() / c.K));
            if (c.Last == LastBatch.Fill) Assert.All(chunks, id => Assert.True(perIdentity.GetValueOrDefault(id.Key) >= id.Value));
            else Assert.All(perIdentity, id => Assert.True(id.Value <= chunks[id.Key]));
            if (c.Last == LastBatch.Drop) Assert.True(Left(chunks, perIdentity).Count() < c.P);
            if (c.Last == LastBatch.Short)
            {
                // The batches are those of Drop. One smaller batch of the identities that Drop has left follows them.
                var whole = (c with { Last = LastBatch.Drop }).Sampler().Draw(0);
                Assert.Equal(whole, drawn.Take(whole.Length));
                var taken = whole.Chunk(c.K).CountBy(group => c.Labels[group[0]]).ToDictionary();
                Assert.Equal(Left(chunks, taken).Order(), drawn.Skip(whole.Length).Chunk(c.K).Select(group => c.Labels[group[0]]).Order());
            }
            // No image comes twice, unless a batch is filled.
            if (c.Last != LastBatch.Fill && c.Small == SmallIdentities.LeaveOut) Assert.Equal(drawn.Length, drawn.Distinct().Count());
        }

        static IEnumerable<long> Left(Dictionary<long, int> chunks, Dictionary<long, int> taken) =>
            chunks.Where(id => taken.GetValueOrDefault(id.Key) < id.Value).Select(id => id.Key);
    }, iter: 400);

    [Fact]
    public void ResumedInTheMiddle_IsUninterrupted() => cases.Sample(c =>
    {
        var whole = c.Sampler();
        var expected = whole.Concat(whole).Concat(whole).ToArray();
        var killed = c.Sampler();
        var handedOut = new List<long>();
        while (handedOut.Count < expected.Length)
        {
            var stop = 1 + (int)(c.Seed % 11);
            foreach (var index in killed)
            {
                handedOut.Add(index);
                if (--stop == 0) break;
            }
            killed = new IdentitySampler(c.Labels, c.P, c.K, c.Small, c.Epoch, c.Last, c.Cameras, c.Spread, default,
                c.Seed) { State = killed.State };
        }
        Assert.Equal(expected, handedOut.Take(expected.Length));
        Assert.Equal(whole.Draw(0), expected.Take(whole.CountIn(0)));
    }, iter: 300);

    [Fact]
    public void Batches_AreTheIndicesInRuns() => cases.Sample(c =>
    {
        var byBatch = c.Sampler();
        var byIndex = c.Sampler();
        byBatch.State = byIndex.State = new SamplerState(1, byBatch.CountIn(1) / 2);
        var first = true;
        var rest = new List<long>();
        foreach (var batch in byBatch.Batches())
        {
            if (first && byIndex.State.Position % c.Sampler().BatchSize != 0) Assert.True(batch.Length < byBatch.BatchSize);
            first = false;
            rest.AddRange(batch);
        }
        Assert.Equal(byIndex, rest);
        Assert.Equal(new SamplerState(2, 0), byBatch.State);
        Assert.Equal(byBatch.State, byIndex.State);
    }, iter: 300);

    [Fact]
    public void Shards_TogetherAreTheWholeBatch() => cases.Select(c => c with { P = c.P * 2 }).Where(c => c.Eligible >= c.P).Sample(c =>
    {
        var whole = c.Sampler().Draw(3).Chunk(c.P * c.K).ToList();
        var shares = Enumerable.Range(0, 2).Select(rank => c.Sampler(new SamplerShard(rank, 2))).ToList();
        Assert.Equal(c.P * c.K / 2, shares[0].BatchSize);
        var batches = shares.Select(share => share.Draw(3).Chunk(share.BatchSize).ToList()).ToList();
        Assert.All(shares, share => Assert.Equal(share.Draw(3).Length, share.CountIn(3)));
        Assert.Equal(batches[0].Count, batches[1].Count);
        for (var i = 0; i < batches[0].Count; i++)
        {
            Assert.Equal(batches[0][i].Length, batches[1][i].Length);
            long[] both = [.. batches[0][i], .. batches[1][i]];
            Assert.Equal(whole[i].Take(both.Length), both);
            Assert.True(whole[i].Length - both.Length < 2 * c.K);
        }
    }, iter: 300);

    [Fact]
    public void RenamingLabels_ChangesNothing() => cases.Sample(c =>
        Assert.Equal(c.Sampler().Draw(0), (c with { Labels = [.. c.Labels.Select(l => -3 * l)] }).Sampler().Draw(0)), iter: 100);

    [Fact]
    public void SameSeedSameBatches_OtherSeedOrEpochOther()
    {
        var labels = Labels([.. Enumerable.Repeat(9, 30)]);
        var sampler = new IdentitySampler(labels, seed: 5);
        Assert.Equal(sampler.Draw(0), new IdentitySampler(labels, seed: 5).Draw(0));
        Assert.NotEqual(sampler.Draw(0), sampler.Draw(1));
        Assert.NotEqual(sampler.Draw(0), new IdentitySampler(labels, seed: 6).Draw(0));
    }

    [Fact]
    public void TheDraw_NeverChanges()
    {
        // A change of these values would change the batches of every recorded run.
        var labels = new long[] { 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3 };
        var cameras = new long[] { 0, 1, 2, 0, 0, 1, 1, 2, 0, 1, 0, 0, 1 };
        Assert.Equal("8 9 1 0 3 5 12 11", Printed(new IdentitySampler(labels, 2, 2, seed: 1)));
        Assert.Equal("9 8 9 7 4 6 1 0 2 11 10 12",
            Printed(new IdentitySampler(labels, 2, 3, epoch: IdentityEpoch.EachIdentityOnce, seed: 1)));
        Assert.Equal("2 0 11 12 9 8 11 10", Printed(new IdentitySampler(labels, 2, 2, epoch: IdentityEpoch.Independent(2), seed: 1)));
        Assert.Equal("9 8 6 7 0 2 11 12 12 11 2 0", Printed(IdentitySampler.FastReIdBalanced(labels, cameras, 2, 2, seed: 1)));

        static string Printed(Sampler sampler) => string.Join(' ', sampler.Draw(0));
    }

    [Fact]
    public void OtherCameras_ComeFirst()
    {
        // The cameras of identity 0 are 0, 0, 0, 1, 2. If the first of its K = 3 images is of camera 0, the other two are of cameras 1 and
        // 2.
        long[] labels = [0, 0, 0, 0, 0, 1, 1, 1];
        long[] cameras = [0, 0, 0, 1, 2, 0, 0, 0];
        var sampler = new IdentitySampler(labels, 1, 3, cameras: cameras, epoch: IdentityEpoch.Independent(200));
        foreach (var group in sampler.Draw(0).Chunk(3).Where(group => labels[group[0]] == 0))
            if (cameras[group[0]] == 0) Assert.Equal([0, 1, 2], group.Select(row => cameras[row]).Order());
            else Assert.True(group.Select(row => cameras[row]).Distinct().Count() >= 2);

        // fast-reid takes images of other cameras only, even if it must repeat one of them.
        var only = new IdentitySampler([0, 0, 0, 0], 1, 4, cameras: [0, 0, 0, 1], cameraSpread: CameraSpread.OtherCamerasOnly,
            epoch: IdentityEpoch.Independent(50));
        foreach (var group in only.Draw(0).Chunk(4))
            if (group[0] != 3) Assert.Equal([3, 3, 3], group[1..]);
    }

    [Fact]
    public void AllImages_DealsAsManyCamerasAsPossible()
    {
        long[] labels = [0, 0, 0, 0, 0, 0];
        long[] cameras = [0, 0, 1, 1, 2, 2];
        var sampler = new IdentitySampler(labels, 1, 3, cameras: cameras);
        for (var epoch = 0; epoch < 20; epoch++)
            foreach (var group in sampler.Draw(epoch).Chunk(3)) Assert.Equal([0, 1, 2], group.Select(row => cameras[row]).Order());
    }

    /// <summary>A camera of c images can be in at most min(c, groups) groups, once in each. Only images that no group takes lower the
    /// sum.</summary>
    [Fact]
    public void AllImages_DealsAsManyCamerasAsThereAre() => (
        from cameras in Gen.Int[0, 3].Array[3, 20]
        from k in Gen.Int[2, 5]
        from seed in Gen.ULong
        where cameras.Length >= k
        select (Cameras: cameras.Select(camera => (long)camera).ToArray(), K: k, Seed: seed)).Sample(c =>
    {
        var groups = c.Cameras.Length / c.K;
        var drawn = new IdentitySampler(new long[c.Cameras.Length], 1, c.K, cameras: c.Cameras, seed: c.Seed).Draw(0);
        var most = Math.Min(groups * c.K, c.Cameras.CountBy(camera => camera).Sum(camera => Math.Min(camera.Value, groups)));
        Assert.Equal(most, drawn.Chunk(c.K).Sum(group => group.Select(row => c.Cameras[row]).Distinct().Count()));
    });

    [Fact]
    public void OverEpochs_EveryPictureComesAsOftenAsTheOthersOfItsIdentity()
    {
        var labels = Labels(7, 7, 7);
        var sampler = new IdentitySampler(labels, 3, 4, seed: 3);
        var counts = new int[labels.Length];
        for (var epoch = 0; epoch < 2_100; epoch++)
            foreach (var row in sampler.Draw(epoch)) counts[row]++;
        Assert.All(counts, count => Assert.InRange(count, 1_080, 1_320));    // 4 of 7 images in each epoch: 1,200 is expected
    }

    [Fact]
    public void Dialects_AreAsPublished()
    {
        var market = Labels([.. Enumerable.Range(0, 75).Select(i => 2 + i % 30)]);
        var iterations = market.Length / 64;
        var openReid = IdentitySampler.OpenReid(market);
        Is(openReid, IdentityEpoch.EachIdentityOnce, LastBatch.Short);
        Assert.Equal((75 * 4, 5), (openReid.Count, openReid.BatchesPerEpoch));
        Is(IdentitySampler.FastReIdNaive(market), IdentityEpoch.AllImages.WithBatches(iterations));
        Is(IdentitySampler.FastReIdBalanced(market, market), IdentityEpoch.EachIdentityOnce.WithBatches(iterations),
            spread: CameraSpread.OtherCamerasOnly);
        Is(IdentitySampler.MPerClass(market, 16, 4), IdentityEpoch.Independent(100_000 / 64));
        Is(IdentitySampler.TorchReId(market), IdentityEpoch.AllImages);

        static void Is(IdentitySampler sampler, IdentityEpoch epoch, LastBatch last = LastBatch.Drop,
            CameraSpread spread = CameraSpread.OtherCamerasFirst)
        {
            Assert.Equal((16, 4, SmallIdentities.DrawWithReplacement, epoch, last, spread), (sampler.IdentitiesPerBatch,
                sampler.ImagesPerIdentity, sampler.SmallIdentities, sampler.Epoch, sampler.LastBatch, sampler.CameraSpread));
            if (epoch.BatchCount is { } batches) Assert.Equal(batches, sampler.BatchesPerEpoch);
        }
    }

    [Fact]
    public void DataLoader_TakesItAsItsShuffler()
    {
        using var inputs = TorchSharp.torch.arange(small.Length);
        using var labels = TorchSharp.torch.tensor(small);
        var sampler = new IdentitySampler(small, 3, 2, seed: 2);
        using var dataset = TorchSharp.torch.utils.data.TensorDataset(inputs, labels);
        using var loader = new TorchSharp.Modules.DataLoader<IList<TorchSharp.torch.Tensor>, long[]>(dataset, sampler.BatchSize,
            (items, _) =>
                [.. items.Select(item => { var row = item[0].item<long>(); foreach (var t in item) t.Dispose(); return row; })], sampler);
        var expected = sampler.Draw(0).Chunk(6).Concat(sampler.Draw(1).Chunk(6)).ToList();
        var batches = new List<long[]>();
        for (var epoch = 0; epoch < 2; epoch++) batches.AddRange(loader);
        Assert.Equal(expected, batches);
        Assert.Equal(2, sampler.State.Epoch);
    }

    [Fact]
    public void AMillionPictures_AreDrawnExactly()
    {
        var labels = new long[1_000_000];
        for (var i = 0; i < labels.Length; i++) labels[i] = i * 7919L % 100_000;
        var sampler = new IdentitySampler(labels, 64, 4);
        var drawn = sampler.Draw(0);
        Assert.InRange(drawn.Length, 790_000, 800_000);
        Assert.Equal(drawn.Length, drawn.Distinct().Count());
    }

    [Fact]
    public void Errors_NameTheArgument()
    {
        Assert.Contains("at least 4 identities, one for each place in a batch, got 3 (3 more have fewer than 4 images)",
            Assert.Throws<ArgumentException>(() => new IdentitySampler(Labels(4, 5, 6, 1, 2, 3), 4, 4, SmallIdentities.LeaveOut)).Message,
            StringComparison.Ordinal);
        Assert.Contains("labels must hold at least 16 identities, one for each place in a batch, got 6.",
            Assert.Throws<ArgumentException>(() => new IdentitySampler(small)).Message, StringComparison.Ordinal);
        Assert.Contains("cameras must have one entry per image, 23, got 2",
            Assert.Throws<ArgumentException>(() => new IdentitySampler(small, 2, 2, cameras: [1, 2])).Message, StringComparison.Ordinal);
        Assert.Equal("imagesPerIdentity", Assert.Throws<ArgumentOutOfRangeException>(() => new IdentitySampler(small, 2, 0)).ParamName);
        Assert.Contains("cannot be divided among 2 processes",
            Assert.Throws<ArgumentException>(() => new IdentitySampler(small, 3, 2, shard: new SamplerShard(0, 2))).Message,
                StringComparison.Ordinal);
        Assert.Contains("smallIdentities must be one of DrawWithReplacement",
            Assert.Throws<ArgumentOutOfRangeException>(() => new IdentitySampler(small, 2, 2, (SmallIdentities)7)).Message,
                StringComparison.Ordinal);
        Assert.Equal("rank", Assert.Throws<ArgumentOutOfRangeException>(() => new SamplerShard(2, 2)).ParamName);
        Assert.Throws<ArgumentOutOfRangeException>(() => IdentityEpoch.Independent(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new IdentitySampler(small, 2, 2).Draw(-1));
    }

    [Fact]
    public void State_OfOtherDataIsRefused()
    {
        var sampler = new IdentitySampler(small, 2, 2);
        var count = sampler.CountIn(4);
        sampler.State = new SamplerState(4, count);
        Assert.Equal(new SamplerState(5, 0), sampler.State);
        Assert.Contains($"State.Position must be in [0, {count}]",
            Assert.Throws<ArgumentOutOfRangeException>(() => sampler.State = new SamplerState(4, count + 1)).Message,
                StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => sampler.State = new SamplerState(-1, 0));
        Assert.Equal(new SamplerState(5, 0), sampler.State);
    }
}
