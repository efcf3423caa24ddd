using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>From a batch to its mined tuples, including the distance matrix.</summary>
internal static class MiningCases
{
    private const string Category = "mining";

    private static readonly (int Rows, int Width)[] usual = [(64, 2048), (1024, 512), (4096, 512)];
    private static readonly (int Rows, int Width)[] upTo1024 = usual[..2];
    private static readonly (int Rows, int Width)[] upTo256 = [(64, 2048), (256, 512)];

    public static IEnumerable<Case> All =>
    [
        .. Triplets("batch-hard", new BatchHardMiner(), (_, d, y) => Naive.Mining.BatchHard(d, y), usual),
        .. Triplets("semi-hard, hardest positive", new SemiHardMiner { Positives = SemiHardPositives.Hardest },
            (_, d, y) => Naive.Mining.SemiHard(d, y), usual),
        .. Triplets("semi-hard, easiest positive", new BatchEasyHardMiner(), (_, d, y) => Naive.Mining.EasyPositives(d, y), upTo1024),
        .. Triplets("semi-hard triplets", new TripletMarginMiner(0.05, Hardness.SemiHard),
            (_, d, y) => Naive.Mining.SemiHardTriplets(d, y, 0.05), upTo256),
        .. Triplets("hard triplets", new TripletMarginMiner(0.05, Hardness.Hard), (_, d, y) => Naive.Mining.HardTriplets(d, y), upTo256),
        .. Triplets("all triplets", Miner.All, (_, _, y) => Naive.Pieces.AllTriplets(y), upTo256),
        .. Triplets("angular", new AngularMiner(28), (x, _, y) => Naive.Mining.Angular(x, y, 28), (64, 2048), (128, 512)),
        .. Triplets("2 positives and 3 negatives", new NHardMiner(..2, ..3), (_, d, y) => Naive.Mining.NHard(d, y, 2, 3), upTo1024),
        .. Pairs("multi-similarity", new MultiSimilarityMiner(), Distance.Cosine,
            (x, y) => Naive.Mining.MultiSimilarity(Naive.Distances.Similarity(x, x), y, 0.1), usual),
        .. Pairs("hardest half of the pairs", new HdcMiner(), Distance.Euclidean,
            (x, y) => Naive.Mining.Hdc(Naive.Distances.Euclidean(x, x), y), upTo1024),
        .. Pairs("pairs beyond margins", new PairMarginMiner(1.4, 1.5), Distance.Euclidean,
            (x, y) => Naive.Mining.PairMargin(Naive.Distances.Euclidean(x, x), y, 1.4, 1.5), upTo1024),
        .. Pairs("hard pairs", new HardPairsMiner(), Distance.Euclidean,
            (x, y) => Naive.Mining.HardPairs(Naive.Distances.Euclidean(x, x), y), upTo1024),
        .. upTo256.Select(size => Clusters(size.Rows, size.Width)),
        .. Drawn("random triplets, 10 an anchor", new RandomTripletsMiner(10), (x, y) => Naive.RandomMining.Triplets(y, 10), upTo1024),
        .. Drawn("distance-weighted", new DistanceWeightedMiner(128), (x, y) =>
            Naive.RandomMining.DistanceWeighted(Naive.Distances.EuclideanNormalized(x, x), y, 128, 0.5, 1.4), (64, 128), (1024, 128)),
        .. upTo1024.Select(size => Histogram(size.Rows, size.Width)),
    ];

    private static IEnumerable<Case> Triplets(string name, Miner miner,
        Func<Tensor, Tensor, Tensor, (Tensor, Tensor, Tensor)> naive, params (int, int)[] sizes) =>
        sizes.Select(size => Of(name, size.Item1, size.Item2, Distance.Euclidean, miner,
            (x, y) => [Stacked(naive(x, Naive.Distances.Euclidean(x, x), y))], OfTriplets,
            (lists, _, _) => [InOrder(lists[0])], Agreement.Choice));

    private static IEnumerable<Case> Pairs(string name, Miner miner, Distance distance,
        Func<Tensor, Tensor, (Tensor, Tensor, Tensor, Tensor)> naive, params (int, int)[] sizes) =>
        sizes.Select(size => Of(name, size.Item1, size.Item2, distance, miner, (x, y) =>
        {
            var (a1, p, a2, n) = naive(x, y);
            return [a1, p, a2, n];
        }, OfPairs, (lists, _, rows) => Masks(lists, rows), Agreement.Choice));

    /// <summary>Random triplets: checked to be triplets, and counted for each anchor.</summary>
    private static IEnumerable<Case> Drawn(string name, Miner miner, Func<Tensor, Tensor, (Tensor, Tensor, Tensor)> naive,
        params (int, int)[] sizes) =>
        sizes.Select(size => Of(name, size.Item1, size.Item2, miner.Distance ?? Distance.Euclidean, miner,
            (x, y) => [Stacked(naive(x, y))], OfTriplets, (lists, data, rows) =>
            {
                Tensor a = lists[0].select(1, 0), p = lists[0].select(1, 1), n = lists[0].select(1, 2);
                var right = (a != p) & (data.Labels[a] == data.Labels[p]) & (data.Labels[a] != data.Labels[n]);
                if (!right.all().item<bool>()) throw new InvalidDataException($"{name} drew rows that are not a triplet.");
                return [a.bincount(null, minlength: rows)];
            }, Agreement.Rounding));

    /// <summary>
    /// Random pairs from each bin of the distances: checked to be pairs of their kind, and compared by their bins. The peer may draw a pair
    /// twice.
    /// </summary>
    private static Case Histogram(int rows, int width) =>
        Of("the same from each bin of distances", rows, width, Distance.Euclidean, new UniformHistogramMiner(), (x, y) =>
        {
            var (a1, p, a2, n) = Naive.RandomMining.UniformHistogram(Naive.Distances.Euclidean(x, x), y, 100, 10);
            return [a1, p, a2, n];
        }, OfPairs, (lists, data, count) =>
        {
            var d = Naive.Distances.Euclidean(data.Embeddings, data.Embeddings);
            var (positives, negatives) = Naive.Pieces.Masks(data.Labels);
            var masks = Masks(lists, count);
            return [Bins(masks[0], positives), Bins(masks[1], negatives)];

            Tensor Bins(Tensor drawn, Tensor candidates)
            {
                if ((drawn & candidates.logical_not()).any().item<bool>())
                    throw new InvalidDataException("A pair of the other kind was drawn.");
                var (low, high) = (d[candidates].min(), d[candidates].max());
                return ((d[drawn] - low) / (high - low) * 100).floor().clamp(0, 99).to(ScalarType.Int64).bincount(null, minlength: 100) > 0;
            }
        }, new Agreement(0, 0.97));       // rounding decides at the edge of a bin

    private static Case Clusters(int rows, int width) =>
        new(Category, "hard clusters", $"{rows} x {width}", device =>
        {
            var data = Batch.Of(rows, width, device);
            var (x, y, miner) = (data.Embeddings, data.Labels, new HardClusters());
            return new(data)
            {
                Ours = Work.Scoped(() =>
                {
                    using var noGradient = no_grad();
                    using var mined = miner.Mine(x, y);
                    var triplets = mined.Tuples.AsTriplets();
                    return [mined.Means.alias(), triplets.Positives.alias(), triplets.Negatives - rows];
                }),
                Naive = Work.Scoped(() =>
                {
                    using var noGradient = no_grad();
                    var (means, positives, negatives) = Naive.Mining.HardCluster(x, y);
                    return [means, positives, negatives];
                }),
                Floor = Work.Scoped(() => [x.mm(x.t())]),
            };
        })
        {
            Agreement = Agreement.Choice,
        };

    private static Case Of(string name, int rows, int width, Distance distance, Miner miner, Func<Tensor, Tensor, Tensor[]> naive,
        Func<Tuples, Tensor[]> results, Func<Tensor[], Batch, int, Tensor[]> comparable, Agreement agreement) =>
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
                Comparable = lists => comparable(lists, data, rows),
            };
        })
        {
            Agreement = agreement,
            Guarded = (name, rows) is ("batch-hard" or "semi-hard, hardest positive" or "multi-similarity", 1024),
        };

    private static Tensor[] OfTriplets(Tuples tuples)
    {
        var mined = tuples.AsTriplets();
        return [Stacked((mined.Anchors, mined.Positives, mined.Negatives))];
    }

    private static Tensor[] OfPairs(Tuples tuples) => [tuples.AsPairs().Positives.alias(), tuples.AsPairs().Negatives.alias()];

    /// <summary>Triplets as rows [K, 3] of anchor, positive and negative.</summary>
    private static Tensor Stacked((Tensor A, Tensor P, Tensor N) triplets) => stack([triplets.A, triplets.P, triplets.N], 1);

    /// <summary>Sorts triplets [K, 3] by anchor, then positive, then negative.</summary>
    private static Tensor InOrder(Tensor triplets)
    {
        for (var column = 2; column >= 0; column--)
            triplets = triplets.index_select(0, triplets.select(1, column).sort(0, stable: true).Indices);
        return triplets;
    }

    /// <summary>Converts lists of pairs to masks. Masks stay as they are.</summary>
    private static Tensor[] Masks(Tensor[] lists, int rows) =>
        lists.Length == 4 ? [Mask(lists[0], lists[1], rows), Mask(lists[2], lists[3], rows)] : lists;

    private static Tensor Mask(Tensor anchors, Tensor others, long rows) =>
        zeros(rows * rows, ScalarType.Bool, anchors.device).index_fill_(0, anchors * rows + others, 1).view(rows, rows);
}
