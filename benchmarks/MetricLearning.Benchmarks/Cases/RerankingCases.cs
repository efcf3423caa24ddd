using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Re-ranking.</summary>
internal static class RerankingCases
{
    public static IEnumerable<Case> All =>
    [
        Of(100, 500, 256), Of(300, 1_500, 512),
        WithMetrics(3_368, 15_913, 2_048, 751), WithMetrics(11_659, 82_161, 2_048, 3_060),
    ];

    private static Case Of(int queries, int gallery, int width) =>
        new("re-ranking", "k-reciprocal", FormattableString.Invariant($"{queries:N0} queries, {gallery:N0} gallery, D = {width:N0}"),
            device =>
        {
            var (query, shown) = PersonSets.Clustered(queries, gallery, width, device);
            return new(query, shown)
            {
                Ours = () =>
                {
                    using var reranked = new KReciprocalReranker().Rerank(query.Features, shown.Features);
                    return [reranked.Matrix()];
                },
                Naive = Work.Scoped(() => [Naive.Reranking.KReciprocal(query.Features, shown.Features)]),
            };
        })
        {
            Guarded = queries == 100,
            Agreement = new(1e-3, 0.97),       // float32 orders a few neighbors differently from float64
        };

    /// <summary>The metrics after re-ranking at the size of a dataset, where the partner's (Q + G)² matrices would not fit in
    /// memory.</summary>
    private static Case WithMetrics(int queries, int gallery, int width, int identities) =>
        new("re-ranking", "k-reciprocal with metrics", FormattableString.Invariant($"{queries} x {gallery}, D = {width}"), device =>
        {
            var (query, shown) = PersonSets.Rectified(queries, gallery, width, identities, device);
            var evaluator = new RetrievalEvaluator { Reranking = new KReciprocalReranker() };
            return new(query, shown)
            {
                Ours = Work.Of(() => tensor(evaluator.Evaluate(query, shown).MeanAveragePrecision)),
                Floor = EvaluationCases.Product(query, shown),
            };
        })
        {
            Floor = EvaluationCases.ProductName,
            Heavy = true,
            Rounds = 1,
        };
}
