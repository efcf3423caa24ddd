using MetricLearning.Search;
using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Exact search in an index that stays in memory, compared with a product of all scores and topk, as plain PyTorch does
/// it.</summary>
internal static class SearchCases
{
    private const int Nearest = 100;

    public static IEnumerable<Case> All =>
    [
        Batch(200, 5_000, 256) with { Guarded = true },
        Batch(3_368, 100_000, 512) with { Heavy = true },
        One(20_000, 512, ""),
        One(1_000_000, 512, "") with { Heavy = true },
        One(1_000_000, 512, ", 10 % of the rows", 10) with { Heavy = true },
        One(1_000_000, 512, ", 1 % of the rows", 100) with { Heavy = true },
        One(1_000_000, 512, ", 0.1 % of the rows", 1000) with { Heavy = true },
    ];

    private static Case Batch(int queries, int gallery, int width) => new("search", $"the nearest {Nearest}",
        FormattableString.Invariant($"{queries:N0} queries, {gallery:N0} rows, D = {width:N0}"), device =>
        {
            var (query, shown) = PersonSets.Clustered(queries, gallery, width, device);
            var index = Index(shown, width);
            ReadOnlyMemory<float>[] vectors = [.. Rows(query.Features)];
            var (q, g) = (Similarity.Normalize(query.Features), Similarity.Normalize(shown.Features));
            return new(query, shown, q, g)
            {
                Ours = Work.Of(() => Scores(index.Search(vectors, Nearest))),
                Naive = Work.Scoped(() => [q.mm(g.t()).topk(Nearest, dim: 1).values]),
                Floor = Work.Scoped(() => [q.mm(g.t())]),
            };
        });

    /// <summary>One query, with a filter that keeps one row in <paramref name="oneIn"/>. The floor reads the 8-bit rows once.</summary>
    private static Case One(int gallery, int width, string filtered, int oneIn = 1) => new("search", $"the nearest {Nearest} of one query",
        FormattableString.Invariant($"{gallery:N0} rows, D = {width:N0}{filtered}"), device =>
        {
            var (query, shown) = PersonSets.Clustered(1, gallery, width, device);
            var index = Index(shown, width);
            var vector = Rows(query.Features).Single();
            var filter = oneIn == 1 ? null : SearchFilter<int>.Where((key, _) => key % oneIn == 0);
            var (q, g) = (Similarity.Normalize(query.Features), Similarity.Normalize(shown.Features));
            var kept = arange(0, gallery, oneIn);
            var bytes = zeros(gallery, width / sizeof(long), ScalarType.Int64);
            return new(query, shown, q, g, kept, bytes)
            {
                Ours = Work.Of(() => Scores([index.Search(vector.Span, Nearest, filter)])),
                Naive = Work.Scoped(() => [q.mm(g.t()).index_select(1, kept).topk((int)Math.Min(Nearest, kept.size(0)), dim: 1).values]),
                Floor = Work.Scoped(() => [bytes.max()]),
            };
        })
    {
        Floor = "the 8-bit rows read once",
    };

    private static ExactIndex<int> Index(EmbeddingSet gallery, int width)
    {
        var index = new ExactIndex<int>(width, threads: get_num_threads());
        index.Add(Rows(gallery.Features).Select((row, key) => new SearchRow<int>(key, row)));
        return index;
    }

    private static IEnumerable<ReadOnlyMemory<float>> Rows(Tensor features)
    {
        using var here = features.cpu();
        var values = here.data<float>().ToArray();
        var width = (int)features.size(1);
        for (var start = 0; start < values.Length; start += width) yield return values.AsMemory(start, width);
    }

    private static Tensor Scores(IReadOnlyList<IReadOnlyList<SearchHit<int>>> hits)
    {
        var (scores, width) = (new float[hits.Sum(list => list.Count)], hits[0].Count);
        for (var query = 0; query < hits.Count; query++)
            for (var i = 0; i < width; i++) scores[query * width + i] = (float)hits[query][i].Score;
        return tensor(scores, [hits.Count, width]);
    }
}
