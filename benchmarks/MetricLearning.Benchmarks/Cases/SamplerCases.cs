using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>An epoch of the P×K sampler, P = 16, K = 4, and of the samplers that draw from groups of identities. The floor is a random
/// order of the images.</summary>
internal static class SamplerCases
{
    public static IEnumerable<Case> All =>
    [
        .. from size in new[] { (12_936, 751), (1_000_000, 100_000) }
           from item in new[] { Of(size.Item1, size.Item2, setUp: false), Of(size.Item1, size.Item2, setUp: true) }
           select item,
        Whole("P×K of domains", (labels, groups) =>
            new DomainIdentitySampler(labels, groups, new Dictionary<long, int> { [0] = 8, [1] = 8 }), groups: 6),
        Whole("categories weighed by classes", (labels, groups) =>
            new HierarchicalSampler(labels, groups, 2, 8, 4, HierarchyDraw.WeighedByClasses), groups: 5_000),
        Whole("distinct classes of categories", (labels, groups) =>
            new HierarchicalSampler(labels, groups, 2, 8, 4, HierarchyDraw.DistinctClasses), groups: 5_000),
    ];

    /// <summary>A sampler that is set up and draws one epoch of a million images of 100,000 identities.</summary>
    /// <param name="what">What it draws.</param>
    /// <param name="create">Creates it from the labels and the groups of the images.</param>
    /// <param name="groups">The number of groups (domains, categories) of the identities.</param>
    private static Case Whole(string what, Func<long[], long[], Sampler> create, int groups) =>
        new("samplers", $"{what}, set up and one epoch", "1,000,000 images, 100,000 ids", _ =>
        {
            var labels = Labels(1_000_000, 100_000);
            var ofGroups = Array.ConvertAll(labels, label => label % groups);
            var epoch = 0;
            return new()
            {
                Ours = () => [from_array(create(labels, ofGroups).Draw(epoch++))],
                Floor = () => [randperm(labels.Length)],
            };
        })
        {
            Floor = "randperm",
        };

    private static Case Of(int images, int identities, bool setUp) =>
        new("samplers", setUp ? "P×K, set up and one epoch" : "P×K, one epoch",
            FormattableString.Invariant($"{images:N0} images, {identities:N0} ids"), _ =>
        {
            var labels = Labels(images, identities);
            var (epoch, ours, naive) = (0, IdentitySampler.TorchReId(labels), new Naive.TorchReIdSampler(labels, 16, 4));
            return new()
            {
                Ours = () => [from_array((setUp ? IdentitySampler.TorchReId(labels) : ours).Draw(epoch++))],
                Naive = () => [from_array((setUp ? new Naive.TorchReIdSampler(labels, 16, 4) : naive).Epoch())],
                Floor = () => [randperm(images)],
                Comparable = drawn => [Batches(drawn[0].data<long>().ToArray(), labels)],
            };
        })
        {
            Floor = "randperm",
            Agreement = new(0.02),       // the number of batches depends on the draw
            Guarded = !setUp,
            // 20 MB of new memory per epoch: whether a garbage collection falls into it is chance
            Margin = images < 1_000_000 ? 1.5 : 3,
        };

    /// <summary>Identities of unequal size, in shuffled order; the same each time.</summary>
    private static long[] Labels(int images, int identities)
    {
        var random = new Random(1);
        long[] labels = [.. Enumerable.Range(0, images)
            .Select(i => (long)(i < identities ? i : identities * Math.Pow(random.NextDouble(), 1.5)))];
        random.Shuffle(labels);
        return labels;
    }

    /// <summary>The number of batches, after checking that each holds 16 identities with 4 images each.</summary>
    private static Tensor Batches(long[] drawn, long[] labels)
    {
        foreach (var batch in drawn.Chunk(64))
            if (batch.Length != 64 || batch.GroupBy(row => labels[row]).Any(group => group.Count() != 4))
                throw new InvalidDataException("A sampler drew a batch that is not 16 identities with 4 images each.");
        return tensor(drawn.Length / 64.0);
    }
}
