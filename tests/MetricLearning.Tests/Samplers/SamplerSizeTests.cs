namespace MetricLearning.Tests;

/// <summary>Tests that batches and epochs that no array can hold are refused when the sampler is created, with the name of the
/// setting.</summary>
public class SamplerSizeTests
{
    private static readonly long[] labels = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];

    private static readonly Dictionary<string, (string Setting, Action Make)> cases = new()
    {
        ["identity: batch"] = ("imagesPerIdentity", () => new IdentitySampler(labels, 65_536, 65_536)),
        ["identity: independent epoch"] = ("epoch", () => new IdentitySampler(labels, 2, 2,
            epoch: IdentityEpoch.Independent(int.MaxValue))),
        ["identity: repeated epoch"] = ("epoch",
            () => new IdentitySampler(labels, 2, 2, epoch: IdentityEpoch.AllImages.WithBatches(1_000_000_000))),
        ["identity: all images"] = ("imagesPerIdentity", () => new IdentitySampler(labels, 2, 1_000_000_000)),
        ["identity: each once"] = ("imagesPerIdentity",
            () => new IdentitySampler(labels, 2, 1_000_000_000, epoch: IdentityEpoch.EachIdentityOnce)),
        ["torchreid"] = ("imagesPerIdentity", () => IdentitySampler.TorchReId(labels, 4, int.MaxValue)),
        ["M per class"] = ("imagesPerIdentity", () => IdentitySampler.MPerClass(labels, int.MaxValue, 2)),
        ["graph: batch"] = ("imagesPerIdentity", () => new GraphSampler(labels, 4, int.MaxValue)),
        ["graph: epoch"] = ("labels", () => new GraphSampler(labels, 4, 300_000_000)),
        ["hierarchical: batch"] = ("imagesPerClass", () => new HierarchicalSampler(labels, new long[12], 1, 2, int.MaxValue)),
        ["hierarchical: epoch"] = ("batchesPerEpoch",
            () => new HierarchicalSampler(labels, new long[12], 1, 2, 2, batchesPerEpoch: int.MaxValue)),
        ["domain"] = ("rowsPerDomain", () => new DomainSampler(labels, 4, int.MaxValue)),
        ["domain identity: identities"] = ("identitiesPerDomain",
            () => new DomainIdentitySampler(labels, labels, new Dictionary<long, int> { [0] = int.MaxValue, [1] = int.MaxValue })),
        ["domain identity: batch"] = ("imagesPerIdentity",
            () => new DomainIdentitySampler(labels, new long[12], new Dictionary<long, int> { [0] = 2 }, int.MaxValue)),
        ["domain identity: epoch"] = ("batchesPerEpoch",
            () => new DomainIdentitySampler(labels, new long[12], new Dictionary<long, int> { [0] = 2 }, 2, int.MaxValue)),
        ["class-balanced"] = ("batchesPerEpoch", () => new ClassBalancedSampler(labels, 4, batchesPerEpoch: int.MaxValue)),
        ["weighted"] = ("batchesPerEpoch", () => new WeightedSampler([1, 2], 4, int.MaxValue)),
        ["fixed triplets"] = ("tripletsPerBatch", () => new FixedTripletsSampler([(0, 1, 2)], int.MaxValue)),
        ["shuffle"] = ("lastBatch", () => new ShuffleSampler(2_000_000_000, 1_500_000_000, LastBatch.Fill)),
    };

    public static TheoryData<string> Cases => [.. cases.Keys];

    [Theory, MemberData(nameof(Cases))]
    public void AnOverflow_IsRefused_ByTheName(string name)
    {
        var (setting, make) = cases[name];
        var error = Assert.ThrowsAny<ArgumentException>(make);
        Assert.Equal(setting, error.ParamName);
        Assert.Contains($"at most {Array.MaxLength}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheLargestEpoch_IsCountedExactly()
    {
        var sampler = new SequentialSampler(int.MaxValue, int.MaxValue - 1);
        Assert.Equal((int.MaxValue, 2), (sampler.Count, sampler.BatchesPerEpoch));
        sampler.State = new SamplerState(0, int.MaxValue);
        Assert.Equal(new SamplerState(1, 0), sampler.State);
    }
}
