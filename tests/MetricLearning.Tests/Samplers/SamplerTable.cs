namespace MetricLearning.Tests;

/// <summary>Lists every sampler of the library in its main settings. Tests that hold for all samplers run on each row. Reflection finds the
/// samplers, so the tests of a new sampler fail until it has a row.</summary>
internal static class SamplerTable
{
    /// <summary>The labels of 96 rows, mixed. There are 20 labels of 1 to 9 rows, 3 domains and 5 categories.</summary>
    public static readonly long[] Labels = MakeLabels();

    public static readonly long[] Domains = [.. Labels.Select((_, row) => row * 7L % 3)];

    public static readonly long[] Categories = [.. Labels.Select(label => label % 5)];

    private static readonly Dictionary<string, Row> rows = new()
    {
        ["identity"] = RowOf((shard, seed) => new IdentitySampler(Labels, 4, 3, shard: shard, seed: seed)),
        ["identity once, short"] = RowOf((shard, seed) => new IdentitySampler(
            Labels, 4, 3, SmallIdentities.Repeat, IdentityEpoch.EachIdentityOnce, LastBatch.Short, shard: shard, seed: seed)),
        ["identity filled, cameras"] = RowOf((shard, seed) => new IdentitySampler(
            Labels, 4, 3, lastBatch: LastBatch.Fill, cameras: Domains, shard: shard, seed: seed)),
        ["identity independent"] = RowOf((shard, seed) => new IdentitySampler(
            Labels, 8, 2, SmallIdentities.LeaveOut, IdentityEpoch.Independent(5), shard: shard, seed: seed)),
        ["torchreid"] = RowOf((shard, seed) => IdentitySampler.TorchReId(Labels, 4, 3, shard, seed)),
        ["open-reid"] = RowOf((shard, seed) => IdentitySampler.OpenReid(Labels, 4, 3, shard, seed)),
        ["M per class"] = RowOf((shard, seed) => IdentitySampler.MPerClass(Labels, 4, 3, 60, shard, seed)),
        ["fast-reid naive"] = RowOf((shard, seed) => IdentitySampler.FastReIdNaive(Labels, 4, 2, shard, seed)),
        ["fast-reid balanced"] = RowOf((shard, seed) => IdentitySampler.FastReIdBalanced(Labels, Domains, 4, 4, shard, seed)),
        ["class-balanced"] = RowOf((shard, seed) => new ClassBalancedSampler(Labels, 12, shard: shard, seed: seed)),
        ["weighted"] = RowOf((shard, seed) => new WeightedSampler([.. Labels.Select(label => label / 7.0)], 8, 6, shard, seed)),
        ["hierarchical"] = RowOf((shard, seed) => new HierarchicalSampler(Labels, Categories, 4, 2, 2, shard: shard, seed: seed)),
        ["hierarchical weighed"] = RowOf((shard, seed) => new HierarchicalSampler(
            Labels, Categories, 4, 2, 2, HierarchyDraw.WeighedByClasses, shard: shard, seed: seed)),
        ["hierarchical distinct"] = RowOf((shard, seed) => new HierarchicalSampler(
            Labels, Categories, 4, 2, 2, HierarchyDraw.DistinctClasses, shard: shard, seed: seed)),
        ["shuffle"] = RowOf((shard, seed) => new ShuffleSampler(Labels.Length, 8, shard: shard, seed: seed)),
        ["shuffle filled"] = RowOf((shard, seed) => new ShuffleSampler(Labels.Length, 8, LastBatch.Fill, shard, seed)),
        ["sequential"] = RowOf((_, _) => new SequentialSampler(Labels.Length, 8)),
        ["domain"] = RowOf((shard, seed) => new DomainSampler([.. Labels.Select((_, row) => row * 7L % 5)], 4, 3, shard, seed)),
        ["domain identity"] = RowOf((shard, seed) => new DomainIdentitySampler(
            Labels, Domains, new Dictionary<long, int> { [0] = 1, [1] = 2, [2] = 1 }, 3, shard: shard, seed: seed)),
        ["group by label"] = RowOf((shard, seed) => new GroupByLabelSampler(Labels, 16, shard: shard, seed: seed)),
        ["group by label, one by one"] = RowOf((shard, seed) => new GroupByLabelSampler(
            Labels, 8, order: LabelOrder.OneByOne, shard: shard, seed: seed)),
        ["group by label, dropped"] = RowOf((shard, seed) => new GroupByLabelSampler(
            Labels, 8, LastBatch.Drop, LabelOrder.OneByOne, shard, seed)),
        ["fixed triplets"] = RowOf((shard, seed) => FixedTripletsSampler.FromLabels(Labels, 30, 4, shard, seed)),
        ["graph"] = RowOf((shard, seed) => new GraphSampler(Labels, 4, 3, shard, seed)),
    };

    /// <summary>The rows of all samplers.</summary>
    public static IEnumerable<string> Names => NamesOf(_ => true);

    /// <summary>The rows of the samplers that take a seed.</summary>
    public static IEnumerable<string> Seeded => NamesOf(type => Takes(type, typeof(ulong)));

    /// <summary>The rows of the samplers that take a shard.</summary>
    public static IEnumerable<string> Sharded => NamesOf(type => Takes(type, typeof(SamplerShard)));

    public static Sampler Create(string name, SamplerShard shard = default, ulong seed = 3) =>
        rows.TryGetValue(name, out var row) ? row.Make(shard, seed) : throw new InvalidOperationException(name);

    private static IEnumerable<string> NamesOf(Func<Type, bool> wanted) => typeof(Sampler).Assembly.GetExportedTypes()
        .Where(type => type.IsSubclassOf(typeof(Sampler)) && !type.IsAbstract && wanted(type))
        .SelectMany(type => rows.Where(row => row.Value.Type == type).Select(row => row.Key)
            .DefaultIfEmpty($"{type.Name} has no row in SamplerTable."));

    private static bool Takes(Type sampler, Type argument) => sampler.GetConstructors()
        .Any(constructor => constructor.GetParameters().Any(parameter => parameter.ParameterType == argument));

    private static Row RowOf<T>(Func<SamplerShard, ulong, T> make) where T : Sampler => new(typeof(T), make);

    private sealed record Row(Type Type, Func<SamplerShard, ulong, Sampler> Make);

    private static long[] MakeLabels()
    {
        var labels = Enumerable.Range(0, 20).SelectMany(label => Enumerable.Repeat((long)label, 1 + label * 4 % 9)).ToArray();
        new SeededRandom(5).Shuffle(labels.AsSpan());
        return labels;
    }
}
