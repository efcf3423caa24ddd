using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Ranks a gallery for each query and measures the quality under a stated protocol: CMC, mAP in both conventions, mINP and related
/// figures, which <see cref="RetrievalFigures"/> explains.</summary>
/// <remarks>
/// <para>It is exact: a query's gallery is sorted by the distances that are computed in float64 from the given features, with ties by index
/// (or by <see cref="Ties"/>). Products on the device are only a first sieve with a proven error bound; pairs that the bound leaves
/// undecided are measured again in float64. So figures are bit for bit the same on every device, for every number of threads, and within
/// any memory. A given matrix of distances is used as it is: its values define the order. For <see cref="Distance.Lp"/> and for your own
/// distance, the values of its float64 matrix define the order, which is computed for a block of queries with the whole gallery. Your own
/// distance should give a pair the same value in every block.</para>
/// <para>Memory is bounded by <see cref="MemoryBudget"/>: no array of queries × gallery is ever made.</para>
/// <para>Long calls report the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report is 1. They
/// check their cancellation token after each tile of scores. A canceled call frees all its tensors and has changed nothing.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
/// <example><code>
/// var evaluator = new RetrievalEvaluator { Distance = Distance.Cosine, Protocol = RetrievalProtocol.Market1501 };
/// var report = evaluator.Evaluate(query, gallery);     // two sets of embeddings with identities and cameras
/// Console.WriteLine($"rank-1 {report.RankAt(1):P1}, mAP {report.MeanAveragePrecision:P1}");
/// </code></example>
public sealed record RetrievalEvaluator
{
    private const double RankingStart = 0.5;        // of an evaluation with re-ranking; the neighbors come before

    /// <summary>The mean number of a query's matches, and their share of the gallery, from which sorting the whole row takes less time than
    /// computing the exact keys of the matches and searching for each score among them.</summary>
    private const double ManyMatches = 512, LargeShare = 1.0 / 16;

    /// <summary>The distance that ranks the gallery. Default: cosine.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Cosine;

    /// <summary>Re-ranks the gallery before it is measured. The distance is then the re-ranker's own, and <see cref="Distance"/> is not
    /// used. Rows of re-ranked distances are computed as they are needed, within <see cref="MemoryBudget"/>. Default: null, none.</summary>
    /// <remarks>Evaluation of one set re-ranks that set by itself, and evaluation by pairs of cameras re-ranks each pair.
    /// <see cref="PredictBytes"/> has to find the neighbors to know how much memory they take.</remarks>
    public Reranker? Reranking { get; init; }

    /// <summary>The protocol, which says which images count. A protocol that you set is always enforced. Default: null, which means
    /// <see cref="RetrievalProtocol.Market1501"/> if queries and gallery have cameras. If neither has, it means
    /// <see cref="RetrievalProtocol.NoFilter"/> (all gallery images count), or <see cref="RetrievalProtocol.SelfRetrieval"/> for one set.
    /// The report names the protocol that was used.</summary>
    public RetrievalProtocol? Protocol { get; init; }

    /// <summary>The order of exact ties. Default: by index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public TiePolicy Ties { get; init => field = Guard.Defined(value); } = TiePolicy.ByIndex;

    /// <summary>The method that finds ranks; the figures are the same. Single-shot protocols need whole lists and always sort. Default: the
    /// faster one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public RankingMethod Method { get; init => field = Guard.Defined(value); } = RankingMethod.Automatic;

    /// <summary>The highest rank of CMC; the size of the gallery if that is smaller. Default: 50.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rank is less than 1.</exception>
    public int MaxRank { get; init => field = Guard.AtLeast(value, 1); } = 50;

    /// <summary>The ranks k that are printed, and for which the figures at k (precision, recall, average precision and nDCG) are kept.
    /// Default: 1, 5, 10, 20.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A rank is less than 1.</exception>
    public IReadOnlyList<int> CutOffs
    {
        get;
        init => field = [.. Guard.NotNull(value).Select(k => Guard.AtLeast(k, 1, nameof(CutOffs)))];
    } = [1, 5, 10, 20];

    /// <summary>The number of bytes that an evaluation may use in addition to the features, as closely as tiles can keep it. Default: 256
    /// MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The budget is less than 1.</exception>
    public long MemoryBudget { get; init => field = Guard.AtLeast(value, 1); } = 256L << 20;

    /// <summary>The arithmetic that separates clear pairs from near ties when ranks are counted. Default: the faster one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public ScoreSieve Sieve { get; init => field = Guard.Defined(value); } = ScoreSieve.Automatic;

    /// <summary>Tiles of this shape instead of those that follow from the budget; for tests.</summary>
    internal TilePlan? Tiles { get; init; }

    /// <summary>Ranks the gallery for each query.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, the protocol needs cameras that a set does
    /// not have, the protocol removes self but the sets differ in size, no protocol is set and only one side has cameras, or a feature is
    /// not finite; the message names the row.</exception>
    /// <exception cref="NotSupportedException"><see cref="Ties"/> are in expectation and the protocol is single-shot.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RetrievalReport Evaluate(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        var report = Evaluate(query, gallery, call);
        call.Done();
        return report;
    }

    /// <summary>Ranks a set for each of its own rows. Each row is compared with all others; the row itself is always removed by its index.
    /// The default protocol is <see cref="RetrievalProtocol.Market1501"/> if the set has cameras, and
    /// <see cref="RetrievalProtocol.SelfRetrieval"/> if it has none.</summary>
    /// <param name="set">Queries and gallery in one.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The protocol needs cameras that a set does not have, or a feature is not finite; the message
    /// names the row.</exception>
    /// <exception cref="NotSupportedException"><see cref="Ties"/> are in expectation and the protocol is single-shot.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RetrievalReport Evaluate(EmbeddingSet set, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        var call = CallProgress.Begin(progress, cancellationToken);
        var report = (this with { Protocol = RetrievalProtocol.ForOneSet(Protocol, set.Cameras is not null) })
            .Evaluate(set, set, call, nameof(set));
        call.Done();
        return report;
    }

    /// <summary>Evaluates the order of a given matrix of distances.</summary>
    /// <param name="distances">[Q, G], finite, on any device; smaller is nearer.</param>
    /// <param name="queryIdentities">The identity of each row.</param>
    /// <param name="galleryIdentities">The identity of each column.</param>
    /// <param name="queryCameras">The camera of each row. Default: null, there are none.</param>
    /// <param name="galleryCameras">The camera of each column. Default: null, there are none.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">A shape does not fit, the protocol needs cameras that a set does not have, no protocol is set
    /// and only one side has cameras, or a distance is not finite; the message names its place.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Reranking"/> is set. It needs features: re-rank them first, and give the
    /// matrix to an evaluator that has no re-ranker.</exception>
    /// <exception cref="NotSupportedException"><see cref="Ties"/> are in expectation and the protocol is single-shot.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RetrievalReport Evaluate(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = Given(distances, queryIdentities, galleryIdentities, queryCameras, galleryCameras);
        var report = Evaluate(input, call);
        call.Done();
        return report;
    }

    /// <summary>Evaluates each camera's queries against each camera's gallery images separately, to find out which pairs of views are
    /// hard.</summary>
    /// <param name="query">Q queries with cameras.</param>
    /// <param name="gallery">G gallery images with cameras.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">A set has no cameras, widths, types or devices differ, or a feature is not finite.</exception>
    /// <exception cref="NotSupportedException">The protocol removes each query's own row by index, which has no meaning for pairs of
    /// cameras; or <see cref="Ties"/> are in expectation and the protocol is single-shot.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public CameraPairReport EvaluateByCameraPair(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        if (query.Cameras is null || gallery.Cameras is null)
            throw new ArgumentException(
                $"Pairs of cameras need cameras, but the {(query.Cameras is null ? "query" : "gallery")} has none.",
                query.Cameras is null ? nameof(query) : nameof(gallery));
        var protocol = RetrievalProtocol.For(Protocol, queryHasCameras: true, galleryHasCameras: true);
        if (protocol.RemovesSelf)
            throw new NotSupportedException($"The protocol {protocol.Name} removes self by index, which pairs of cameras do not have.");
        var call = CallProgress.Begin(progress, cancellationToken);
        CheckWhole(query, gallery, call);
        var (queryRows, galleryRows) = (RowsByCamera(query.Cameras), RowsByCamera(gallery.Cameras));
        var reports = new Dictionary<(long, long), RetrievalReport>();
        var (done, all) = (0.0, Math.Max(1, (double)query.Count * gallery.Count));
        foreach (var (galleryCamera, columns) in galleryRows)
        {
            using var shown = Subset(gallery, columns);
            foreach (var (queryCamera, rows) in queryRows)
            {
                using var asked = Subset(query, rows);
                var part = call.Part(done / all, (done + (double)rows.Length * columns.Length) / all);
                reports[(queryCamera, galleryCamera)] = (this with { Protocol = OfRows(protocol, rows, columns) })
                    .Evaluate(asked, shown, part);
                done += (double)rows.Length * columns.Length;
            }
        }
        call.Done();
        return new CameraPairReport([.. queryRows.Keys], [.. galleryRows.Keys], reports);
    }

    /// <summary>Lists the nearest gallery images of each query among those that the protocol leaves, ties by index.</summary>
    /// <param name="query">Q queries; skipped ones are listed too.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="topK">The number of images to list, at least 1. Default: null, all.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>One list for each query, in the order of the queries.</returns>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, the protocol needs cameras that a set does
    /// not have, the protocol removes self but the sets differ in size, no protocol is set and only one side has cameras, or a feature is
    /// not finite; the message names the row.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="topK"/> is less than 1.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public IReadOnlyList<RankedList> Rank(EmbeddingSet query, EmbeddingSet gallery, int? topK = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var lists = Rank(Input(query, gallery, call, out var ranking), topK, ranking);
        call.Done();
        return lists;
    }

    /// <summary>Lists the nearest gallery images of each query by a given matrix of distances.</summary>
    /// <param name="distances">[Q, G], finite, on any device; smaller is nearer.</param>
    /// <param name="queryIdentities">The identity of each row.</param>
    /// <param name="galleryIdentities">The identity of each column.</param>
    /// <param name="queryCameras">The camera of each row. Default: null, there are none.</param>
    /// <param name="galleryCameras">The camera of each column. Default: null, there are none.</param>
    /// <param name="topK">The number of images to list, at least 1. Default: null, all.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>One list for each query, in the order of the queries.</returns>
    /// <exception cref="ArgumentException">A shape does not fit, the protocol needs cameras that a set does not have, no protocol is set
    /// and only one side has cameras, or a distance is not finite; the message names its place.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="topK"/> is less than 1.</exception>
    /// <exception cref="InvalidOperationException"><see cref="Reranking"/> is set. It needs features: re-rank them first, and give the
    /// matrix to an evaluator that has no re-ranker.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public IReadOnlyList<RankedList> Rank(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null, int? topK = null,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = Given(distances, queryIdentities, galleryIdentities, queryCameras, galleryCameras);
        var lists = Rank(input, topK, call);
        call.Done();
        return lists;
    }

    /// <summary>Predicts the peak memory, in bytes in addition to the features, that an evaluation of two sets needs for tiles, copies of
    /// features and norms. It is above <see cref="MemoryBudget"/> only if the tile of a single query is.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="cancellationToken">Cancels the call, which takes long if <see cref="Reranking"/> is set.</param>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, the protocol needs cameras that a set does
    /// not have, the protocol removes self but the sets differ in size, no protocol is set and only one side has cameras, or a feature is
    /// not finite; the message names the row.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public long PredictBytes(EmbeddingSet query, EmbeddingSet gallery, CancellationToken cancellationToken = default)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = Input(query, gallery, CallProgress.Begin(progress: null, cancellationToken), out _);
        Plan(input, Sorts(input), out var bytes);
        return bytes;
    }

    /// <summary>The nearest gallery images of each query of an input that is checked already.</summary>
    internal RankedList[] Rank(EvaluationInput input, int? topK, CallProgress progress)
    {
        if (topK is { } k) Guard.AtLeast(k, 1, nameof(topK));
        var relations = input.Relations;
        var lists = new RankedList[relations.Queries];
        var plan = Plan(input, sorts: true, out _);
        if (topK < relations.Gallery)
            new ArgsortRanker(input.Scores, relations, plan).Run(topK, distances: true, progress,
                (query, found) => Add(query, found.List!.Value.Rows, found.List.Value.Distances!), take: (_, _) => { });
        else new WholeLists(input.Scores, relations, plan).Run(progress, Add);
        return lists;

        void Add(int query, int[] rows, double[] distances) =>
            lists[query] = new RankedList(query, rows, distances, Array.ConvertAll(rows, row => relations.IsMatch(query, row)));
    }

    private RetrievalReport Evaluate(EmbeddingSet query, EmbeddingSet gallery, CallProgress progress, string? set = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Evaluate(Input(query, gallery, progress, out var ranking, set), ranking);
    }

    private RetrievalReport Evaluate(EvaluationInput input, CallProgress progress)
    {
        var (relations, protocol) = (input.Relations, input.Relations.Protocol);
        var single = protocol.Shots == GalleryShots.All ? null : new SingleShot(relations, Ties);
        if (single is not null && Ties == TiePolicy.Expected)
            throw new NotSupportedException(
                $"Ties in expectation are not defined for the protocol {protocol.Name}; use another tie policy.");
        var sorts = Sorts(input);
        var plan = Plan(input, sorts, out var bytes);
        var (results, cmc) = (new QueryResult[relations.Queries], new double[Math.Min(MaxRank, relations.Gallery)]);
        var own = new double[cmc.Length];
        if (sorts) new ArgsortRanker(input.Scores, relations, plan).Run(top: null, distances: false, progress, Measure, Take);
        else new CountingRanker(input.Scores, relations, plan).Run(progress, Measure, Take);
        return new RetrievalReport(this, input, results, cmc, bytes);

        void Measure(int query, QueryHits found) => results[query] = RankMetrics.Measure(query, found, Ties, CutOffs);

        void Take(int query, QueryHits found)
        {
            if (found.Skipped != SkipReason.None) return;
            Array.Clear(own);
            if (single is null) RankMetrics.AddFirstMatch(found, Ties, own);
            else single.Add(query, found.List!.Value, own);
            results[query].KeepCmc(own, relations.Gallery);
            for (var k = 0; k < cmc.Length; k++) cmc[k] += own[k];
        }
    }

    /// <summary>Checks sets before they are split, so that messages name the rows that the caller knows.</summary>
    private void CheckWhole(EmbeddingSet query, EmbeddingSet gallery, CallProgress progress)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        (this with { Reranking = null, Distance = Reranking?.First ?? Distance }).Input(query, gallery, progress, out _);
    }

    /// <summary>The checked input of a matrix of distances.</summary>
    private EvaluationInput Given(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras, IReadOnlyList<long>? galleryCameras) => Reranking is null
        ? EvaluationInput.Of(distances, Protocol, queryIdentities, galleryIdentities, queryCameras, galleryCameras)
        : throw new InvalidOperationException($"{nameof(Reranking)} needs features, but a matrix of distances was given. Evaluate the "
            + "sets; or re-rank them, and give the matrix to an evaluator that has no re-ranker.");

    /// <summary>The checked input of two sets, re-ranked if <see cref="Reranking"/> is set.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="progress">The call.</param>
    /// <param name="ranking">The part of the call that is left for ranking.</param>
    /// <param name="set">The argument that is queries and gallery in one; null if there are two.</param>
    private EvaluationInput Input(EmbeddingSet query, EmbeddingSet gallery, CallProgress progress, out CallProgress ranking,
        string? set = null)
    {
        ranking = Reranking is null ? progress : progress.Part(RankingStart, 1);
        return EvaluationInput.Of(query, gallery, Protocol, Scores, Reranking?.ToString() ?? $"{Distance}", set);

        ScoreSource Scores(Tensor queries, Tensor rows, RowOrigin? origin) => Reranking is null
            ? EvaluationInput.ScoresOf(Distance, queries, rows, Sieve, origin)
            : Reranking.Rerank(queries, ReferenceEquals(queries, rows) ? null : rows, progress.Part(0, RankingStart), set ?? "query")
                .Scores();
    }

    private bool Sorts(EvaluationInput input)
    {
        if (Method == RankingMethod.Argsort || input.Relations.Protocol.Shots != GalleryShots.All) return true;
        if (Method == RankingMethod.Counting
            || input.Relations.MeanMatches < Math.Max(ManyMatches, LargeShare * input.Relations.Gallery)) return false;
        Plan(input, sorts: true, out var bytes);
        return bytes <= MemoryBudget;
    }

    private TilePlan Plan(EvaluationInput input, bool sorts, out long bytes)
    {
        var plan = TilePlan.For(Tiles, MemoryBudget, input, tiles => tiles.RankingBytes(input, sorts));
        bytes = input.Scores.HeldBytes + plan.RankingBytes(input, sorts);
        return plan;
    }

    /// <summary>A protocol for chosen rows. <see cref="RetrievalProtocol.Keep"/> still receives the row numbers of the whole
    /// sets.</summary>
    private static RetrievalProtocol OfRows(RetrievalProtocol protocol, int[] queryRows, int[] galleryRows) =>
        protocol.Keep is not { } keep ? protocol : protocol with
        {
            Keep = (query, image) => keep(query with { Index = queryRows[query.Index] }, image with { Index = galleryRows[image.Index] }),
        };

    private static SortedDictionary<long, int[]> RowsByCamera(IReadOnlyList<long> cameras) =>
        new(Enumerable.Range(0, cameras.Count).GroupBy(row => cameras[row]).ToDictionary(g => g.Key, g => g.ToArray()));

    private static EmbeddingSet Subset(EmbeddingSet set, int[] rows)
    {
        using var index = tensor(Array.ConvertAll(rows, row => (long)row), device: set.Features.device);
        return new EmbeddingSet(set.Features.index_select(0, index), rows.Select(row => set.Identities[row]),
            rows.Select(row => set.Cameras![row])) { Space = set.Space };
    }
}
