using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>From a batch to its mined tuples, the matrix of distances included.</summary>
internal static class MiningCases
{
    private const string Category = "mining";

    public static IEnumerable<Case> All =>
    [
        .. Triplets("batch-hard", new BatchHardMiner(), (d, y) => Naive.Mining.BatchHard(d, y), (64, 2048), (1024, 512), (4096, 512)),
        .. Triplets("semi-hard, hardest positive", new SemiHardMiner { Positives = SemiHardPositives.Hardest },
            (d, y) => Naive.Mining.SemiHard(d, y), (64, 2048), (1024, 512), (4096, 512)),
        .. Triplets("semi-hard triplets", new TripletMarginMiner(0.05, Hardness.SemiHard), (d, y) => Naive.Mining.SemiHardTriplets(d, y, 0.05), (64, 2048), (256, 512)),
        .. Triplets("all triplets", Miner.All, (_, y) => Naive.Pieces.AllTriplets(y), (64, 2048), (256, 512)),
        .. new[] { (64, 2048), (1024, 512), (4096, 512) }.Select(size => MultiSimilarity(size.Item1, size.Item2)),
    ];

    private static IEnumerable<Case> Triplets(string name, Miner miner, Func<Tensor, Tensor, (Tensor, Tensor, Tensor)> naive, params (int, int)[] sizes) =>
        sizes.Select(size => Of(name, size.Item1, size.Item2, Distance.Euclidean, miner, (x, y) =>
        {
            var (a, p, n) = naive(Naive.Distances.Euclidean(x, x), y);
            return [stack([a, p, n], 1)];
        }, tuples =>
        {
            var mined = tuples.AsTriplets();
            return [stack([mined.Anchors, mined.Positives, mined.Negatives], 1)];
        }));

    private static Case MultiSimilarity(int rows, int width) =>
        Of("multi-similarity", rows, width, Distance.Cosine, new MultiSimilarityMiner(), (x, y) =>
        {
            var (a1, p, a2, n) = Naive.Mining.MultiSimilarity(Naive.Distances.Similarity(x, x), y, 0.1);
            return [a1, p, a2, n];
        }, tuples => [tuples.AsPairs().Positives.alias(), tuples.AsPairs().Negatives.alias()]);

    private static Case Of(string name, int rows, int width, Distance distance, Miner miner,
        Func<Tensor, Tensor, Tensor[]> naive, Func<Tuples, Tensor[]> results) =>
        new(Category, name, $"{rows} x {width}", device =>
        {
            var data = Batch.Of(rows, width, device);
            var (x, y) = (data.Embeddings, data.Labels);
            return new(data)
            {
                Ours = Work.Scoped(() =>
                {
                    using var noGradient = no_grad();
                    using var batch = new LossBatch(x, y);
                    return results(miner.Mine(batch.Distances(distance)));
                }),
                Naive = Work.Scoped(() => { using var noGradient = no_grad(); return naive(x, y); }),
                Floor = Work.Scoped(() => [x.mm(x.t())]),
                Comparable = lists => lists.Length switch
                {
                    1 => [InOrder(lists[0])],
                    4 => [Mask(lists[0], lists[1], rows), Mask(lists[2], lists[3], rows)],
                    _ => lists,
                },
            };
        })
        {
            Agreement = Agreement.Choice,
            Guarded = rows == 1024,
        };

    /// <summary>Triplets [K, 3] by anchor, positive, negative.</summary>
    private static Tensor InOrder(Tensor triplets)
    {
        for (var column = 2; column >= 0; column--)
            triplets = triplets.index_select(0, triplets.select(1, column).sort(0, stable: true).Indices);
        return triplets;
    }

    private static Tensor Mask(Tensor anchors, Tensor others, long rows) =>
        zeros(rows * rows, ScalarType.Bool, anchors.device).index_fill_(0, anchors * rows + others, 1).view(rows, rows);
}
