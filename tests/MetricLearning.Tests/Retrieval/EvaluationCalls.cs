using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>A call that computes on two sets and may report its progress and be canceled.</summary>
/// <returns>The result, or a part of it, as text. Two texts are equal only if every number in them is equal to the bit.</returns>
internal delegate string EvaluationCall(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
    CancellationToken cancellationToken = default);

/// <summary>Lists every long call of evaluation, each on one shared evaluator, re-ranker or fitted object.</summary>
internal static class EvaluationCalls
{
    private static readonly TilePlan tiles = new(64, 100);

    private static readonly double[] targets = [0, 0.01, 0.1, 0.5];

    public static IReadOnlyDictionary<string, EvaluationCall> All { get; } = new Dictionary<string, EvaluationCall>
    {
        ["retrieval, counting"] = Retrieval(new RetrievalEvaluator { Tiles = tiles }),
        ["retrieval, counting in float32"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Sieve = ScoreSieve.Float32 }),
        ["retrieval, counting in integers"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Sieve = ScoreSieve.Int16 }),
        ["retrieval, counting in tensors"] = Retrieval(new RetrievalEvaluator { Tiles = tiles with { Tensors = true } }),
        ["retrieval, argsort"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Method = RankingMethod.Argsort }),
        ["retrieval, single shot"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Protocol = RetrievalProtocol.Cuhk03 }),
        ["retrieval, a derived distance"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Distance = Distance.SignalToNoise }),
        ["retrieval, another distance"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Distance = Distance.Lp(1) }),
        ["retrieval, k-reciprocal"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Reranking = new KReciprocalReranker() }),
        ["retrieval, GNN"] = Retrieval(new RetrievalEvaluator { Tiles = tiles, Reranking = new GnnReranker() }),
        ["retrieval of one set"] = RetrievalOfOneSet(new RetrievalEvaluator { Tiles = tiles }),
        ["retrieval of a matrix"] = RetrievalOfAMatrix(new RetrievalEvaluator { Tiles = tiles }),
        ["retrieval by camera pair"] = RetrievalByCameraPair(new RetrievalEvaluator { Tiles = tiles }),
        ["ranked lists"] = RankedLists(new RetrievalEvaluator { Tiles = tiles }),
        ["ranked lists of a matrix"] = RankedListsOfAMatrix(new RetrievalEvaluator { Tiles = tiles }),
        ["re-ranking, k-reciprocal"] = Reranking(new KReciprocalReranker()),
        ["re-ranking, fast-reid"] = Reranking(new KReciprocalReranker { Dialect = KReciprocalDialect.FastReId }),
        ["re-ranking, GNN"] = Reranking(new GnnReranker()),
        ["re-ranking of one set"] = RerankingOfOneSet(new KReciprocalReranker()),
        ["re-ranking of matrices"] = RerankingOfMatrices(new KReciprocalReranker()),
        ["re-ranked matrix"] = RerankedMatrix(new KReciprocalReranker()),
        ["verification"] = Verification(new VerificationEvaluator { Tiles = tiles, FalseMatchRates = targets }),
        ["verification in many passes"] =
            Verification(new VerificationEvaluator { Tiles = tiles, FalseMatchRates = targets, MostGathered = 1 }),
        ["verification of one set"] = VerificationOfOneSet(new VerificationEvaluator { Tiles = tiles, FalseMatchRates = targets }),
        ["verification of a matrix"] = VerificationOfAMatrix(new VerificationEvaluator { FalseMatchRates = targets }),
        ["open set"] = OpenSet(new OpenSetEvaluator()),
        ["k-means"] = Clusters(new KMeans(6, seed: 3) { Restarts = 2 }),
        ["DBSCAN"] = Density(new Dbscan(0.2)),
        ["DBSCAN of re-ranked distances"] = DensityAfterReranking(new Dbscan(0.6)),
        ["principal components"] = Components,
        ["query expansion"] = Expansion(new QueryExpansion(5) { Times = 2 }),
        ["augmentation"] = Augmentation(new QueryExpansion(5)),
        ["expansion of all"] = ExpansionOfAll(new QueryExpansion(5)),
    };

    /// <summary>Queries and a gallery of a few identities and cameras.</summary>
    public static (EmbeddingSet Query, EmbeddingSet Gallery) Sets()
    {
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(21), 300, 400, 12);
        return (c.QuerySet(), c.GallerySet());
    }

    private static EvaluationCall Retrieval(RetrievalEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
        RetrievalEvaluatorTests.Bits(evaluator.Evaluate(query, gallery, progress, cancellationToken));

    private static EvaluationCall RetrievalOfOneSet(RetrievalEvaluator evaluator) => (_, gallery, progress, cancellationToken) =>
        RetrievalEvaluatorTests.Bits(evaluator.Evaluate(gallery, progress, cancellationToken));

    private static EvaluationCall RetrievalOfAMatrix(RetrievalEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
    {
        using var distances = Distance.Euclidean.Matrix(query.Features, gallery.Features);
        return RetrievalEvaluatorTests.Bits(evaluator.Evaluate(distances, query.Identities, gallery.Identities, query.Cameras,
            gallery.Cameras, progress, cancellationToken));
    };

    private static EvaluationCall RetrievalByCameraPair(RetrievalEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
    {
        var pairs = evaluator.EvaluateByCameraPair(query, gallery, progress, cancellationToken);
        return string.Join('\n', pairs.QueryCameras.SelectMany(q => pairs.GalleryCameras.Select(g =>
            RetrievalEvaluatorTests.Bits(pairs[q, g]))));
    };

    private static EvaluationCall RankedLists(RetrievalEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
        Text(evaluator.Rank(query, gallery, topK: 7, progress, cancellationToken));

    private static EvaluationCall RankedListsOfAMatrix(RetrievalEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
    {
        using var distances = Distance.Euclidean.Matrix(query.Features, gallery.Features);
        return Text(evaluator.Rank(distances, query.Identities, gallery.Identities, query.Cameras, gallery.Cameras, topK: 7, progress,
            cancellationToken));
    };

    private static EvaluationCall Reranking(Reranker reranker) => (query, gallery, progress, cancellationToken) =>
    {
        using var distances = reranker.Rerank(query.Features, gallery.Features, progress, cancellationToken);
        return Text(distances.Rows(0, distances.Queries));
    };

    private static EvaluationCall RerankingOfOneSet(Reranker reranker) => (query, _, progress, cancellationToken) =>
    {
        using var distances = reranker.Rerank(query.Features, progress, cancellationToken);
        return Text(distances.Rows(0, distances.Queries));
    };

    private static EvaluationCall RerankingOfMatrices(KReciprocalReranker reranker) => (query, gallery, progress, cancellationToken) =>
    {
        using var scope = NewDisposeScope();
        using var distances = reranker.Rerank(Distance.Euclidean.Matrix(query.Features, gallery.Features),
            Distance.Euclidean.Matrix(query.Features, query.Features), Distance.Euclidean.Matrix(gallery.Features, gallery.Features),
            progress, cancellationToken);
        return Text(distances.Rows(0, distances.Queries));
    };

    private static EvaluationCall RerankedMatrix(Reranker reranker) => (query, gallery, progress, cancellationToken) =>
    {
        using var distances = reranker.Rerank(query.Features, gallery.Features, cancellationToken: CancellationToken.None);
        return Text(distances.Matrix(ScalarType.Float32, progress, cancellationToken));
    };

    private static EvaluationCall Verification(VerificationEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
        Numbers(VerificationEvaluatorTests.Figures(evaluator.Evaluate(query, gallery, progress, cancellationToken)));

    private static EvaluationCall VerificationOfOneSet(VerificationEvaluator evaluator) => (query, _, progress, cancellationToken) =>
        Numbers(VerificationEvaluatorTests.Figures(evaluator.Evaluate(query, progress, cancellationToken)));

    private static EvaluationCall VerificationOfAMatrix(VerificationEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
    {
        using var distances = Distance.Euclidean.Matrix(query.Features, gallery.Features);
        return Numbers(VerificationEvaluatorTests.Figures(evaluator.Evaluate(distances, query.Identities, gallery.Identities, query.Cameras,
            gallery.Cameras, progress, cancellationToken)));
    };

    private static EvaluationCall OpenSet(OpenSetEvaluator evaluator) => (query, gallery, progress, cancellationToken) =>
    {
        var report = evaluator.Evaluate(query, gallery, progress, cancellationToken);
        return Numbers([report.KnownQueries, report.UnknownQueries,
            .. targets.SelectMany(t => new[] { report.ThresholdAt(t), report.DetectionAndIdentificationRateAt(t, 5) })]);
    };

    private static EvaluationCall Clusters(KMeans means) => (query, _, progress, cancellationToken) =>
    {
        using var result = means.Fit(query.Features, progress, cancellationToken);
        return Numbers([result.Inertia, result.Iterations, .. result.Assignments.Select(a => (double)a)]) + Text(result.Centers.alias());
    };

    private static EvaluationCall Density(Dbscan density) => (query, _, progress, cancellationToken) =>
        Numbers([.. density.Fit(query.Features, progress, cancellationToken).Assignments.Select(a => (double)a)]);

    private static EvaluationCall DensityAfterReranking(Dbscan density) => (query, _, progress, cancellationToken) =>
    {
        using var distances = new KReciprocalReranker(lambda: 0).Rerank(query.Features, progress: null, cancellationToken);
        return Numbers([.. density.Fit(distances, progress, cancellationToken).Assignments.Select(a => (double)a)]);
    };

    private static string Components(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress,
        CancellationToken cancellationToken)
    {
        using var components = PrincipalComponents.Fit(gallery, 4, progress, cancellationToken);
        using var projected = components.Apply(query, whiten: true);
        return Text(projected);
    }

    private static EvaluationCall Expansion(QueryExpansion expansion) => (query, gallery, progress, cancellationToken) =>
    {
        using var expanded = expansion.Expand(query, gallery, progress, cancellationToken);
        return Text(expanded);
    };

    private static EvaluationCall Augmentation(QueryExpansion expansion) => (_, gallery, progress, cancellationToken) =>
    {
        using var augmented = expansion.Augment(gallery, progress, cancellationToken);
        return Text(augmented);
    };

    private static EvaluationCall ExpansionOfAll(QueryExpansion expansion) => (query, gallery, progress, cancellationToken) =>
    {
        var (expanded, augmented) = expansion.ExpandAll(query, gallery, progress, cancellationToken);
        using (expanded)
        using (augmented)
            return Text(expanded) + Text(augmented);
    };

    private static string Text(IReadOnlyList<RankedList> lists) => string.Join('\n', lists.Select(list =>
        $"{string.Join(' ', list.Indices)} {Numbers(list.Distances)} {string.Join(' ', list.IsMatch)}"));

    private static string Text(EmbeddingSet set) => Text(set.Features.alias());

    private static string Text(Tensor tensor)
    {
        using (tensor)
        using (var wide = tensor.to(ScalarType.Float64))
            return Numbers(TensorMemory.Copy<double>(wide));
    }

    private static string Numbers(IReadOnlyList<double> values) =>
        string.Join(' ', values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
}
