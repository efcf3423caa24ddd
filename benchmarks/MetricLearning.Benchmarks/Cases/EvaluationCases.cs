using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Evaluation of retrieval. The floor is the bare product of the two feature matrices. The partner computes the product, sorts
/// each row, and walks along the sorted lists.</summary>
internal static class EvaluationCases
{
    /// <summary>The name of <see cref="Product"/>.</summary>
    internal const string ProductName = "mm of queries and gallery";

    public static IEnumerable<Case> All =>
    [
        Market1501(500, 2_000, 512), Market1501(1_000, 8_000, 2_048),
        Of("ranks counted on 16-bit integers", ScoreSieve.Int16, 3368, 15913, 2048, 751),
        Of("ranks counted on float32", ScoreSieve.Float32, 3368, 15913, 2048, 751),
        OfAMillion(10_000, 1_000_000, 256, 50_000),
        FewClasses(500, 50_000, 128, 2), FewClasses(10_000, 50_000, 128, 10), WholeLists(200, 50_000, 128),
        Verification(15_000, 512), Verification(60_000, 512),
    ];

    private static Case Market1501(int queries, int gallery, int width) =>
        new("evaluation", "CMC and mAP, Market-1501", FormattableString.Invariant(
            $"{queries:N0} queries, {gallery:N0} gallery, D = {width:N0}"), device =>
        {
            var (query, shown) = PersonSets.Clustered(queries, gallery, width, device);
            Tensor[] ids =
            [
                tensor(query.Identities.ToArray()), tensor(shown.Identities.ToArray()),
                tensor(query.Cameras!.ToArray()), tensor(shown.Cameras!.ToArray()),
            ];
            var evaluator = new RetrievalEvaluator { Distance = Distance.EuclideanSquared };
            return new([query, shown, .. ids])
            {
                Ours = () =>
                {
                    var report = evaluator.Evaluate(query, shown);
                    return [tensor([.. Enumerable.Range(1, 50).Select(report.RankAt), report.MeanAveragePrecision], ScalarType.Float64)];
                },
                Naive = Work.Scoped(() => [Naive.Evaluation.Market1501(query.Features, shown.Features, ids[0], ids[1], ids[2], ids[3])]),
                Floor = Product(query, shown),
            };
        })
        {
            Floor = ProductName,
            Guarded = queries == 500,
        };

    /// <summary>The evaluation within a memory budget of 1 GB in addition to the features. The floor is the bare product, computed tile by
    /// tile.</summary>
    private static Case OfAMillion(int queries, int gallery, int width, int identities) =>
        new("evaluation", "ranks counted within 1 GB", $"{queries} x {gallery}, D = {width}", device =>
        {
            var (query, shown) = PersonSets.Rectified(queries, gallery, width, identities, device);
            return new(query, shown)
            {
                Ours = Work.Of(
                    () => tensor(new RetrievalEvaluator { MemoryBudget = 1L << 30 }.Evaluate(query, shown).MeanAveragePrecision)),
                Floor = Work.Of(() => Tiles(query.Features, shown.Features)),
            };
        })
        {
            Floor = "mm of the tiles",
            Heavy = true,
            Rounds = 1,
        };

    /// <summary>The rates of all pairs of a set, each pair once. The floor is the bare product of the set with itself, tile by
    /// tile.</summary>
    private static Case Verification(int rows, int width) =>
        new("evaluation", "verification of a set", FormattableString.Invariant($"{rows:N0} rows, D = {width}"), device =>
        {
            var (one, set) = PersonSets.Clustered(1, rows, width, device);
            return new(one, set)
            {
                Ours = Work.Of(() => tensor(new VerificationEvaluator().Evaluate(set).AreaUnderCurve)),
                Floor = Work.Of(() => Tiles(set.Features, set.Features)),
            };
        })
        {
            Floor = "mm of the tiles",
            Heavy = true,
            Rounds = 1,
        };

    /// <summary>Each query has thousands of matches.</summary>
    private static Case FewClasses(int queries, int gallery, int width, int classes) =>
        new("evaluation", "average precision, few classes", FormattableString.Invariant(
            $"{queries:N0} x {gallery:N0}, D = {width}, {classes} classes"), device =>
        {
            random.manual_seed(1);
            var (query, shown) = (Set(queries, camera: 0), Set(gallery, camera: 1));
            return new(query, shown)
            {
                Ours = Work.Of(() => tensor(new RetrievalEvaluator().Evaluate(query, shown).PerQuery
                    .Select(result => result.AveragePrecision).ToArray())),
                Naive = Work.Of(() => Naive.Evaluation.AveragePrecisions(query, shown)),
            };

            EmbeddingSet Set(int count, long camera) => new(randn(count, width).to(device),
                Enumerable.Range(0, count).Select(i => (long)(i % classes)), Enumerable.Repeat(camera, count));
        })
        {
            Heavy = true,
            Rounds = 3,
        };

    /// <summary>Whole lists with distances. The partner asks for all images but one. For such a list, the library sorts scores
    /// first.</summary>
    private static Case WholeLists(int queries, int gallery, int width) =>
        new("evaluation", "whole lists, beside all images but one", FormattableString.Invariant($"{queries} x {gallery:N0}, D = {width}"),
            device =>
            {
                var (query, shown) = PersonSets.Clustered(queries, gallery, width, device);
                return new(query, shown)
                {
                    Ours = Work.Of(() => First(topK: null)),
                    Naive = Work.Of(() => First(gallery - 1)),
                };

                Tensor First(int? topK) => tensor(new RetrievalEvaluator { Protocol = RetrievalProtocol.NoFilter }
                    .Rank(query, shown, topK).SelectMany(list => list.Distances.Take(100)).ToArray());
            })
        {
            Heavy = true,
            Rounds = 3,
        };

    private static Tensor Tiles(Tensor query, Tensor gallery)
    {
        const int queries = 4096, rows = 2048;
        var tile = empty(queries * (long)rows, device: query.device);
        for (var q = 0L; q < query.size(0); q += queries)
            for (var g = 0L; g < gallery.size(0); g += rows)
            {
                using var scope = NewDisposeScope();
                var (left, right) = (query.narrow(0, q, Math.Min(queries, query.size(0) - q)),
                    gallery.narrow(0, g, Math.Min(rows, gallery.size(0) - g)));
                tile.narrow(0, 0, left.size(0) * right.size(0)).view(left.size(0), -1).addmm_(left, right.t(), beta: 0);
            }
        return tile;
    }

    private static Case Of(string what, ScoreSieve sieve, int queries, int gallery, int width, int identities) =>
        new("evaluation", what, $"{queries} x {gallery}, D = {width}", device =>
        {
            var (query, shown) = PersonSets.Rectified(queries, gallery, width, identities, device);
            return new(query, shown)
            {
                Ours = Work.Of(() =>
                {
                    var report = new RetrievalEvaluator { Sieve = sieve }.Evaluate(query, shown);
                    return tensor(report.PerQuery.Select(result => result.AveragePrecision).ToArray());
                }),
                Naive = Work.Of(() => Naive.Evaluation.AveragePrecisions(query, shown)),
                Floor = Product(query, shown),
            };
        })
        {
            Agreement = Agreement.Choice,
            Heavy = true,
        };

    /// <summary>The bare product of the two feature matrices.</summary>
    internal static Func<Tensor[]> Product(EmbeddingSet query, EmbeddingSet gallery) =>
        Work.Scoped(() => [query.Features.mm(gallery.Features.t())]);
}
