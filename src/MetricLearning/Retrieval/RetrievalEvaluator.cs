using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Ranks a gallery for each query and measures how well: CMC, mAP in both conventions, mINP and their kin, under a stated
/// protocol.</summary>
/// <remarks>
/// <para>Exact: the order of a query's gallery is that of the distances worked out in float64 from the given features, ties by index
/// (or by <see cref="Ties"/>). Products on the device are only a first sieve, with a proven error bound; what the bound leaves open is
/// measured again. So figures are the same to the bit on every device, for every number of threads, and within any memory. Where a
/// matrix of distances is given, its values are the order; for a distance of your own, they are what its float64 matrix gives.</para>
/// <para>Memory is bounded by <see cref="MemoryBudget"/>: no array of queries × gallery is ever made.</para>
/// <para>Immutable once built; may be used from several threads.</para>
/// </remarks>
public sealed class RetrievalEvaluator
{
    private RetrievalProtocol protocol = RetrievalProtocol.Market1501;

    /// <summary>What is near. Default: cosine.</summary>
    public Distance Distance { get; init; } = Distance.Cosine;

    /// <summary>Re-ranks the gallery before it is measured; then the distance is the re-ranker's own and <see cref="Distance"/> is not
    /// used. Rows of re-ranked distances are made as they are needed, within <see cref="MemoryBudget"/>. Default: null, none.</summary>
    /// <remarks>Evaluation of one set re-ranks that set by itself, and evaluation by pairs of cameras re-ranks each pair.
    /// <see cref="PredictBytes"/> has to find the neighbors to know what they take.</remarks>
    public Reranker? Reranking { get; init; }

    /// <summary>Which pictures count. Default: Market-1501.</summary>
    public RetrievalProtocol Protocol { get => protocol; init => protocol = value; }

    /// <summary>The order of exact ties. Default: by index.</summary>
    public TiePolicy Ties { get; init; } = TiePolicy.ByIndex;

    /// <summary>How ranks are found; the figures are the same. Default: by counting. Single-shot protocols need whole lists and always
    /// sort.</summary>
    public RankingMethod Method { get; init; } = RankingMethod.Counting;

    /// <summary>CMC is kept up to this rank, or to the size of a smaller gallery. Default: 50.</summary>
    public int MaxRank { get; init => field = Guard.AtLeast(value, 1); } = 50;

    /// <summary>The ranks k that are printed, and for which precision and recall are kept. Default: 1, 5, 10, 20.</summary>
    public IReadOnlyList<int> CutOffs
    {
        get;
        init => field = [.. value.Select(k => Guard.AtLeast(k, 1, nameof(CutOffs)))];
    } = [1, 5, 10, 20];

    /// <summary>Bytes that an evaluation may use beyond the features, as nearly as tiles can be cut to it. Default: 256 MiB.</summary>
    public long MemoryBudget { get; init; } = 256L << 20;

    /// <summary>The arithmetic by which clear pairs are told from near ties when ranks are counted. Default: the faster.</summary>
    public ScoreSieve Sieve { get; init => field = Guard.Defined(value); } = ScoreSieve.Automatic;

    /// <summary>Tiles of this shape instead of those that follow from the budget; for tests.</summary>
    internal TilePlan? Tiles { get; init; }

    /// <summary>Ranks the gallery for each query.</summary>
    /// <exception cref="ArgumentException">Widths, types or devices differ, the protocol needs cameras that are not there, or a feature is
    /// not finite; the message names the row.</exception>
    public RetrievalReport Evaluate(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        using var scope = NewDisposeScope();
        var relations = new Relations(Protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        return Evaluate(Source(query.Features, gallery.Features), relations, Reranking?.ToString() ?? $"{Distance}");
    }

    /// <summary>Ranks a set for each of its own rows, the row itself taken out by its index (self-retrieval, whatever else the protocol
    /// says).</summary>
    /// <exception cref="ArgumentException">As for two sets.</exception>
    public RetrievalReport Evaluate(EmbeddingSet set)
    {
        if (Protocol.RemovesSelf) return Evaluate(set, set);
        return With(Protocol with { RemovesSelf = true }).Evaluate(set, set);
    }

    /// <summary>Takes the order from a given matrix of distances.</summary>
    /// <param name="distances">[Q, G], finite, on any device; smaller is nearer.</param>
    /// <param name="queryIdentities">The identity of each row.</param>
    /// <param name="galleryIdentities">The identity of each column.</param>
    /// <param name="queryCameras">The camera of each row, where the protocol asks for cameras.</param>
    /// <param name="galleryCameras">The camera of each column.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a distance is not finite; the message names its place.</exception>
    public RetrievalReport Evaluate(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null)
    {
        using var scope = NewDisposeScope();
        return Evaluate(Source(distances, queryIdentities, galleryIdentities, queryCameras, galleryCameras, out var relations), relations,
            "given matrix");
    }

    /// <summary>Evaluates each camera's queries against each camera's gallery pictures by themselves: which pairs of views are
    /// hard.</summary>
    /// <exception cref="ArgumentException">A set has no cameras; and as for two sets.</exception>
    /// <exception cref="NotSupportedException">The protocol removes self by index, which pairs of cameras do not have.</exception>
    public CameraPairReport EvaluateByCameraPair(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        if (query.Cameras is null || gallery.Cameras is null)
            throw new ArgumentException(
                $"Pairs of cameras need cameras, and the {(query.Cameras is null ? "query" : "gallery")} has none.");
        if (Protocol.RemovesSelf)
            throw new NotSupportedException($"The protocol {Protocol.Name} removes self by index, which pairs of cameras do not have.");
        var (queryRows, galleryRows) = (RowsByCamera(query.Cameras), RowsByCamera(gallery.Cameras));
        var reports = new Dictionary<(long, long), RetrievalReport>();
        foreach (var (galleryCamera, columns) in galleryRows)
        {
            using var shown = Subset(gallery, columns);
            foreach (var (queryCamera, rows) in queryRows)
            {
                using var asked = Subset(query, rows);
                var keep = Protocol.Keep is not { } own ? null : new Func<RetrievalItem, RetrievalItem, bool>(
                    (q, g) => own(q with { Index = rows[q.Index] }, g with { Index = columns[g.Index] }));
                reports[(queryCamera, galleryCamera)] = With(Protocol with { Keep = keep }).Evaluate(asked, shown);
            }
        }
        return new CameraPairReport([.. queryRows.Keys], [.. galleryRows.Keys], reports);

        static SortedDictionary<long, int[]> RowsByCamera(IReadOnlyList<long> cameras) =>
            new(Enumerable.Range(0, cameras.Count).GroupBy(row => cameras[row]).ToDictionary(g => g.Key, g => g.ToArray()));

        static EmbeddingSet Subset(EmbeddingSet set, int[] rows)
        {
            using var index = tensor(Array.ConvertAll(rows, row => (long)row), device: set.Features.device);
            return new EmbeddingSet(set.Features.index_select(0, index), rows.Select(row => set.Identities[row]),
                rows.Select(row => set.Cameras![row]));
        }
    }

    /// <summary>The nearest gallery pictures of each query, after the protocol took out its own, ties by index.</summary>
    /// <param name="query">The queries; skipped ones are listed too.</param>
    /// <param name="gallery">The gallery.</param>
    /// <param name="topK">How many of them; all where null.</param>
    /// <exception cref="ArgumentException">As for <see cref="Evaluate(EmbeddingSet, EmbeddingSet)"/>.</exception>
    public IReadOnlyList<RankedList> Rank(EmbeddingSet query, EmbeddingSet gallery, int? topK = null)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        using var scope = NewDisposeScope();
        var relations = new Relations(Protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        return Rank(Source(query.Features, gallery.Features), relations, topK);
    }

    /// <summary>The nearest gallery pictures of each query by a given matrix of distances.</summary>
    /// <inheritdoc cref="Evaluate(Tensor, IReadOnlyList{long}, IReadOnlyList{long}, IReadOnlyList{long}?, IReadOnlyList{long}?)"/>
    public IReadOnlyList<RankedList> Rank(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null, int? topK = null)
    {
        using var scope = NewDisposeScope();
        return Rank(Source(distances, queryIdentities, galleryIdentities, queryCameras, galleryCameras, out var relations), relations,
            topK);
    }

    /// <summary>The memory, in bytes beyond the features, that <see cref="Evaluate(EmbeddingSet, EmbeddingSet)"/> will need at its peak for
    /// tiles, copies of features and norms. It is above <see cref="MemoryBudget"/> only where one query's tile is.</summary>
    public long PredictBytes(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        using var scope = NewDisposeScope();
        var relations = new Relations(Protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        Plan(Source(query.Features, gallery.Features), relations, Sorts, out var bytes);
        return bytes;
    }

    private bool Sorts => Method == RankingMethod.Argsort || Protocol.Shots != GalleryShots.All;

    private RetrievalReport Evaluate(ScoreSource source, Relations relations, string distance)
    {
        var single = Protocol.Shots == GalleryShots.All ? null : new SingleShot(Protocol, relations, Ties);
        if (single is not null && Ties == TiePolicy.Expected)
            throw new NotSupportedException(
                $"Ties in expectation are not defined for the protocol {Protocol.Name}; use another tie policy.");
        var plan = Plan(source, relations, Sorts, out var bytes);
        var (results, cmc) = (new QueryResult[relations.Queries], new double[Math.Min(MaxRank, relations.Gallery)]);
        var multiShot = single is null ? cmc : new double[cmc.Length];
        if (Sorts) new ArgsortRanker(source, relations, plan).Run(top: null, distances: false, Take);
        else new CountingRanker(source, relations, plan).Run(Take);
        return new RetrievalReport(this, distance, results, cmc, relations.Gallery, bytes);

        void Take(int query, QueryHits found)
        {
            results[query] = RankMetrics.Measure(query, found, Ties, CutOffs, multiShot);
            if (found.Skipped == SkipReason.None) single?.Add(query, found.List!.Value, cmc);
        }
    }

    private RankedList[] Rank(ScoreSource source, Relations relations, int? topK)
    {
        if (topK is { } k) Guard.AtLeast(k, 1, nameof(topK));
        var lists = new RankedList[relations.Queries];
        new ArgsortRanker(source, relations, Plan(source, relations, sorts: true, out _)).Run(topK, distances: true, (query, found) =>
        {
            var rows = found.List!.Value.Rows;
            lists[query] = new RankedList(query, rows, found.List.Value.Distances!,
                Array.ConvertAll(rows, row => relations.IsMatch(query, row)));
        });
        return lists;
    }

    private ScoreSource Source(Tensor query, Tensor gallery)
    {
        Guard.SameWidth(query, gallery);
        if (Reranking is not null)
            return (ReferenceEquals(query, gallery) ? Reranking.Rerank(query) : Reranking.Rerank(query, gallery)).Scores();
        return FeatureScores.Knows(Distance) ? new FeatureScores(Distance, query, gallery, Sieve) : RowScores.Of(Distance, query, gallery);
    }

    private RowScores Source(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras, IReadOnlyList<long>? galleryCameras, out Relations relations)
    {
        ArgumentNullException.ThrowIfNull(distances);
        if (distances.dim() != 2 || !distances.is_floating_point())
            throw new ArgumentException(
                $"distances must be a floating-point matrix [Q, G], got {distances.dtype} {Guard.Shape(distances)}.", nameof(distances));
        Check(queryIdentities, 0, nameof(queryIdentities));
        Check(galleryIdentities, 1, nameof(galleryIdentities));
        if (queryCameras is not null) Check(queryCameras, 0, nameof(queryCameras));
        if (galleryCameras is not null) Check(galleryCameras, 1, nameof(galleryCameras));
        relations = new Relations(Protocol, queryIdentities, queryCameras, galleryIdentities, galleryCameras);
        return RowScores.Of(distances);

        void Check(IReadOnlyList<long> values, int dimension, string name)
        {
            ArgumentNullException.ThrowIfNull(values, name);
            if (values.Count != distances.size(dimension))
                throw new ArgumentException($"{name} must have one entry a {(dimension == 0 ? "row" : "column")} of distances "
                    + $"{Guard.Shape(distances)}, got {values.Count}.", name);
        }
    }

    private TilePlan Plan(ScoreSource source, Relations relations, bool sorts, out long bytes)
    {
        var plan = Tiles is { } given ? given with { Rows = source.WholeRows ? Math.Max(1, relations.Gallery) : given.Rows }
            : TilePlan.For(MemoryBudget - source.HeldBytes, source, relations, sorts);
        bytes = source.HeldBytes + plan.Bytes(source, relations, sorts);
        return plan;
    }

    /// <summary>This evaluator, whatever else is set, under another protocol.</summary>
    private RetrievalEvaluator With(RetrievalProtocol other)
    {
        var copy = (RetrievalEvaluator)MemberwiseClone();
        copy.protocol = other;
        return copy;
    }
}
