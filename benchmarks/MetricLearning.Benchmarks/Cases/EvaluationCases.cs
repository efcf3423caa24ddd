using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Evaluation of retrieval by cosine beside one bare product of the two matrices of features, and beside product, argsort and
/// walk.</summary>
internal static class EvaluationCases
{
    public static IEnumerable<Case> All =>
    [
        Of("ranks counted on 16-bit integers", ScoreSieve.Int16, 3368, 15913, 2048, 751),
        Of("ranks counted on float32", ScoreSieve.Float32, 3368, 15913, 2048, 751),
        OfAMillion(10_000, 1_000_000, 256, 50_000),
    ];

    /// <summary>Within a budget of 1 GB beside the features; the floor is the bare product, tile after tile.</summary>
    private static Case OfAMillion(int queries, int gallery, int width, int identities) =>
        new("evaluation", "ranks counted within 1 GB", $"{queries} x {gallery}, D = {width}", device =>
        {
            var (query, shown) = Sets(queries, gallery, width, identities, device);
            return new(query, shown)
            {
                Ours = Work.Of(() => tensor(new RetrievalEvaluator { MemoryBudget = 1L << 30 }.Evaluate(query, shown).MeanAveragePrecision)),
                Floor = Work.Of(() => Tiles(query.Features, shown.Features)),
            };
        })
        {
            Floor = "mm of the tiles",
            Heavy = true,
            Rounds = 1,
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
            var (query, shown) = Sets(queries, gallery, width, identities, device);
            return new(query, shown)
            {
                Ours = Work.Of(() =>
                {
                    var report = new RetrievalEvaluator { Sieve = sieve }.Evaluate(query, shown);
                    return tensor(report.PerQuery.Select(result => result.AveragePrecision).ToArray());
                }),
                Naive = Work.Of(() => Naive.Ranking.AveragePrecisions(query, shown)),
                Floor = Work.Scoped(() => [query.Features.mm(shown.Features.t())]),
            };
        })
        {
            Agreement = Agreement.Choice,
            Heavy = true,
        };

    /// <summary>Features as a network with a rectifier gives them: identities, pictures and cameras vary along 96 directions, a fifth of
    /// the gallery are distractors.</summary>
    internal static (EmbeddingSet Query, EmbeddingSet Gallery) Sets(int queries, int gallery, int width, int identities, Device device)
    {
        const int directions = 96, cameras = 6;
        random.manual_seed(1);
        using var scope = NewDisposeScope();
        var basis = randn(directions, width) / Math.Sqrt(directions);
        var (centres, views) = (randn(identities, directions), randn(cameras, directions) * 0.3);
        return (Set(queries, 0), Set(gallery, 5));

        EmbeddingSet Set(int count, int distractors)
        {
            long[] ids = [.. Enumerable.Range(0, count)
                .Select(i => distractors > 0 && i % distractors == 0 ? identities + (long)i : i % identities)];
            long[] seen = [.. Enumerable.Range(0, count).Select(i => (long)(i * 7 % 11 % cameras))];
            using var fresh = randn(count, directions);
            var known = (tensor(ids) < identities).unsqueeze(1);
            var own = where(known, centres.index_select(0, tensor(ids).clamp_max(identities - 1)), fresh);
            var latent = own + views.index_select(0, tensor(seen)) + randn(count, directions);
            var features = (latent.mm(basis) + 0.2 * randn(count, width)).relu().to(device);
            return new EmbeddingSet(features.DetachFromDisposeScope(), ids, seen);
        }
    }
}
