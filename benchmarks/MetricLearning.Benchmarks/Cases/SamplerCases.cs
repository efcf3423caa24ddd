using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>An epoch of the P×K sampler, P = 16, K = 4. The floor is a random order of the images.</summary>
internal static class SamplerCases
{
    public static IEnumerable<Case> All =>
        from size in new[] { (12_936, 751), (1_000_000, 100_000) }
        from item in new[] { Of(size.Item1, size.Item2, setUp: false), Of(size.Item1, size.Item2, setUp: true) }
        select item;

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
