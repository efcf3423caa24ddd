using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Evaluators and re-ranking, on features of identities seen by six cameras.</summary>
internal static class RetrievalCases
{
    public static IEnumerable<Case> All =>
    [
        Evaluation(500, 2_000, 512), Evaluation(1_000, 8_000, 2_048),
        Reranking(100, 500, 256), Reranking(300, 1_500, 512),
        ReRankedEvaluation(3_368, 15_913, 2_048, 751), ReRankedEvaluation(11_659, 82_161, 2_048, 3_060),
    ];

    /// <summary>The metrics after re-ranking at a data set's size, where the partner's matrices of (Q + G)² would not fit.</summary>
    private static Case ReRankedEvaluation(int queries, int gallery, int width, int identities) =>
        new("re-ranking", "k-reciprocal with metrics", FormattableString.Invariant($"{queries} x {gallery}, D = {width}"), device =>
        {
            var (query, shown) = EvaluationCases.Sets(queries, gallery, width, identities, device);
            var evaluator = new RetrievalEvaluator { Reranking = new KReciprocalReranker() };
            return new(query, shown)
            {
                Ours = Work.Of(() => tensor(evaluator.Evaluate(query, shown).MeanAveragePrecision)),
                Floor = Product(query, shown),
            };
        })
        {
            Floor = "mm of queries and gallery",
            Heavy = true,
            Rounds = 1,
        };

    private static Case Evaluation(int queries, int gallery, int width) =>
        Of("evaluation", "CMC and mAP, Market-1501", queries, gallery, width, (query, shown) =>
        {
            Tensor[] ids =
            [
                tensor(query.Ids.ToArray()), tensor(shown.Ids.ToArray()),
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
        }) with
        {
            Guarded = queries == 500,
        };

    private static Case Reranking(int queries, int gallery, int width) =>
        Of("re-ranking", "k-reciprocal", queries, gallery, width, (query, shown) => new(query, shown)
        {
            Ours = () =>
            {
                using var reranked = new KReciprocalReranker().Rerank(query.Features, shown.Features);
                return [reranked.Matrix()];
            },
            Naive = Work.Scoped(() => [Naive.Reranking.KReciprocal(query.Features, shown.Features)]),
        }) with
        {
            Guarded = queries == 100,
            Agreement = new(1e-3, 0.97),       // float32 orders a few neighbours otherwise than float64
        };

    private static Case Of(string category, string what, int queries, int gallery, int width,
        Func<EmbeddingSet, EmbeddingSet, Work> make) =>
        new(category, what, FormattableString.Invariant($"{queries:N0} queries, {gallery:N0} gallery, D = {width:N0}"), device =>
        {
            random.manual_seed(1);
            var identities = Math.Max(10, gallery / 20);
            var centres = randn(identities, width);
            return make(Set(queries), Set(gallery));

            EmbeddingSet Set(int count)
            {
                long[] ids = [.. Enumerable.Range(0, count).Select(i => (long)(i % identities))];
                var features = (0.4 * centres[tensor(ids)] + randn(count, width)).to(device);
                return new(features, ids, Enumerable.Range(0, count).Select(i => (long)(i / identities % 6)));
            }
        })
        {
            Floor = "mm of queries and gallery",
        };

    private static Func<Tensor[]> Product(EmbeddingSet query, EmbeddingSet gallery) =>
        Work.Scoped(() => [query.Features.mm(gallery.Features.t())]);
}
