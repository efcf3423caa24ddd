namespace MetricLearning.Tests;

/// <summary>Every sampler of the library in its main settings: what holds for all samplers is tested on each row. A new sampler is a new
/// row.</summary>
internal static class SamplerTable
{
    /// <summary>97 rows of 20 labels of 1 to 9 rows, mixed; 3 domains and 5 categories.</summary>
    public static readonly long[] Labels = MakeLabels();

    public static readonly long[] Domains = [.. Labels.Select((_, row) => row * 7L % 3)];

    public static readonly long[] Categories = [.. Labels.Select(label => label % 5)];

    private static readonly Dictionary<string, Func<SamplerShard, ulong, Sampler>> rows = new()
    {
        ["identity"] = (shard, seed) => new IdentitySampler(Labels, 4, 3, shard: shard, seed: seed),
        ["identity once, short"] = (shard, seed) => new IdentitySampler(
            Labels, 4, 3, SmallIdentities.Repeat, IdentityEpoch.EachIdentityOnce, LastBatch.Short, shard: shard, seed: seed),
        ["identity filled, cameras"] = (shard, seed) => new IdentitySampler(
            Labels, 4, 3, lastBatch: LastBatch.Fill, cameras: Domains, shard: shard, seed: seed),
        ["identity independent"] = (shard, seed) => new IdentitySampler(
            Labels, 8, 2, SmallIdentities.LeaveOut, IdentityEpoch.Independent(5), shard: shard, seed: seed),
        ["fast-reid naive"] = (shard, seed) => IdentitySampler.FastReIdNaive(Labels, 4, 2, shard, seed),
        ["fast-reid balanced"] = (shard, seed) => IdentitySampler.FastReIdBalanced(Labels, Domains, 4, 4, shard, seed),
        ["class-balanced"] = (shard, seed) => new ClassBalancedSampler(Labels, 12, shard: shard, seed: seed),
        ["weighted"] = (shard, seed) => new WeightedSampler([.. Labels.Select(label => label / 7.0)], 8, 6, shard, seed),
        ["hierarchical"] = (shard, seed) => new HierarchicalSampler(Labels, Categories, 4, 2, 2, shard: shard, seed: seed),
        ["hierarchical weighed"] = (shard, seed) => new HierarchicalSampler(
            Labels, Categories, 4, 2, 2, HierarchyDraw.WeighedByClasses, shard: shard, seed: seed),
        ["hierarchical distinct"] = (shard, seed) => new HierarchicalSampler(
            Labels, Categories, 4, 2, 2, HierarchyDraw.DistinctClasses, shard: shard, seed: seed),
        ["shuffle"] = (shard, seed) => new ShuffleSampler(Labels.Length, 8, shard: shard, seed: seed),
        ["shuffle filled"] = (shard, seed) => new ShuffleSampler(Labels.Length, 8, LastBatch.Fill, shard, seed),
        ["sequential"] = (_, _) => new SequentialSampler(Labels.Length, 8),
        ["domain"] = (shard, seed) => new DomainSampler([.. Labels.Select((_, row) => row * 7L % 5)], 4, 3, shard, seed),
        ["domain identity"] = (shard, seed) => new DomainIdentitySampler(
            Labels, Domains, new Dictionary<long, int> { [0] = 1, [1] = 2, [2] = 1 }, 3, shard: shard, seed: seed),
        ["group by label"] = (shard, seed) => new GroupByLabelSampler(Labels, 8, shard: shard, seed: seed),
        ["group by label, dropped"] = (shard, seed) => new GroupByLabelSampler(Labels, 8, LastBatch.Drop, shard, seed),
        ["fixed triplets"] = (shard, seed) => FixedTripletsSampler.FromLabels(Labels, 30, 4, shard, seed),
        ["graph"] = (shard, seed) => new GraphSampler(Labels, 4, 3, shard, seed),
    };

    public static IEnumerable<string> Names => rows.Keys;

    public static Sampler Create(string name, SamplerShard shard = default, ulong seed = 3) => rows[name](shard, seed);

    private static long[] MakeLabels()
    {
        var labels = Enumerable.Range(0, 20).SelectMany(label => Enumerable.Repeat((long)label, 1 + label * 4 % 9)).ToArray();
        new SeededRandom(5).Shuffle(labels.AsSpan());
        return labels;
    }
}
