using TorchSharp;

namespace EvaluateFeatures;

/// <summary>One model's features and their evaluation.</summary>
internal sealed class Run : IDisposable
{
    private Run(string name, FeatureSet query, FeatureSet? gallery, EvaluationSettings settings, CancellationToken cancellationToken)
    {
        (Name, Query, OwnGallery) = (name, query, gallery);
        var evaluator = new RetrievalEvaluator
        {
            Distance = settings.Distance,
            Protocol = settings.Protocol,
            Ties = settings.Ties,
            Reranking = settings.Reranking,
            MemoryBudget = settings.MemoryBudget,
        };
        Report = gallery is null ? evaluator.Evaluate(query.Set, cancellationToken: cancellationToken)
            : evaluator.Evaluate(query.Set, gallery.Set, cancellationToken: cancellationToken);
        Evaluator = evaluator with { Protocol = Report.Protocol };
        if (settings.CameraPairs)
            CameraPairs = Evaluator.EvaluateByCameraPair(Query.Set, Gallery.Set, cancellationToken: cancellationToken);
        if (settings.Verification) Verification = Verify(cancellationToken);
    }

    public string Name { get; }
    public FeatureSet Query { get; }
    public FeatureSet Gallery => OwnGallery ?? Query;

    /// <summary>The evaluator with the protocol of the report.</summary>
    public RetrievalEvaluator Evaluator { get; }
    public RetrievalReport Report { get; }

    /// <summary>Null if it was not asked for.</summary>
    public CameraPairReport? CameraPairs { get; }

    /// <summary>Null if it was not asked for.</summary>
    public VerificationReport? Verification { get; }
    public Figures Figures => Figures.Of(Report);
    public QueryFigures PerQuery => QueryFigures.Of(Report);

    /// <summary>Whether each query is searched for among the other queries.</summary>
    public bool IsOneSet => OwnGallery is null;

    /// <summary>Whether the gallery is the queries again, and the protocol leaves each query in its own list, at rank 1.</summary>
    public bool FindsItself => OwnGallery is { Set.Features: var gallery } && Query.Set.Features.Equals(gallery)
        && Report.Protocol is { RemovesSelf: false, Cameras: CameraFilter.None };

    /// <summary>The gallery; null if each query is searched for among the other queries.</summary>
    private FeatureSet? OwnGallery { get; }

    /// <summary>Reads the features of a file, or of the files that the settings name, and evaluates them by the settings.</summary>
    /// <param name="settings">What is evaluated and how.</param>
    /// <param name="name">The name of the model.</param>
    /// <param name="reader">Reads all files, so that a person's name gets the same number in all of them.</param>
    /// <param name="file">The file; null for the files that the settings name.</param>
    /// <param name="cancellationToken">Cancels the evaluation.</param>
    public static Run Of(EvaluationSettings settings, string name, FeatureReader reader, string? file, CancellationToken cancellationToken)
    {
        var (query, gallery) = file is not null ? Both(settings, reader, file)
            : (Part("query", settings.Query!), Part("gallery", settings.Gallery!));
        (query, gallery) = OfOneType(query, gallery);
        try
        {
            if (settings.MultiQuery is { } pooling)
            {
                using var pictures = settings.MultiQueryPictures is { } path
                    ? Part("mquery", new SetFiles(path)).To(query.Set.Features.dtype) : null;
                var pooled = query with { Set = MultiQuery.Pool(query.Set, (pictures ?? query).Set, pooling) };
                query.Dispose();
                query = pooled;
            }
            if (settings.Normalizes) (query, gallery) = (query.Normalized(), gallery?.Normalized());
            CheckCameras(settings, query, gallery);
            return new Run(name, query, gallery, settings, cancellationToken);
        }
        catch (Exception e)
        {
            query.Dispose();
            gallery?.Dispose();
            if (e is ArgumentException) throw new UserErrorException($"{file ?? name}: {App.MessageOf(e)}");        // a feature that is NaN
            throw;
        }

        FeatureSet Part(string part, SetFiles from) => FeatureSet.Of(reader.ReadPart(part, from.Features, from.Ids, from.Cameras));
    }

    /// <summary>Whether the gallery has the identity of at least one query, before the protocol removes anything.</summary>
    public bool HasMatches => OwnGallery is { } gallery ? gallery.Set.Identities.Intersect(Query.Set.Identities).Any()
        : Query.Set.Identities.Distinct().Count() < Query.Set.Count;

    /// <summary>Checks that the cameras are there that the settings need.</summary>
    private static void CheckCameras(EvaluationSettings settings, FeatureSet query, FeatureSet? gallery)
    {
        if (settings.CameraPairs && gallery is null) throw new UserErrorException(
            "--camera-pairs needs queries and a gallery, but the file has one set.");
        var without = (query.Set.Cameras is null, (gallery ?? query).Set.Cameras is null) switch
        {
            (true, true) => gallery is null ? "the file has" : "queries and gallery have",
            (true, false) => "the queries have",
            (false, true) => "the gallery has",
            _ => null,
        };
        if (without is null) return;
        if (settings.CameraPairs) throw new UserErrorException($"--camera-pairs needs cameras, but {without} none.");
        if (settings.Protocol is { } protocol ? protocol.Cameras != CameraFilter.None
            : query.Set.Cameras is not null || gallery?.Set.Cameras is not null)
            throw new UserErrorException($"The protocol {(settings.Protocol ?? RetrievalProtocol.Market1501).Name} compares cameras, but "
                + $"{without} none. Give them, or take --protocol {(gallery is null ? "self" : "none")}.");
    }

    /// <summary>Reads queries and gallery from one file. If the file has only one set, the gallery is null.</summary>
    private static (FeatureSet Query, FeatureSet? Gallery) Both(EvaluationSettings settings, FeatureReader reader, string file)
    {
        var parts = reader.Read(file);
        try
        {
            var (query, gallery) = (parts.Find("query"), parts.Find("gallery"));
            if (query is null && gallery is null && parts.Count == 1)
            {
                // If the names match only the queries, each query would be searched for among the other queries.
                if (reader.Names is not null && parts.Unread.Count > 0 && settings.Protocol?.RemovesSelf != true)
                    throw new UserErrorException($"{file}: --names has no *, so it names one set, and the file has other arrays "
                        + $"that may be features: {string.Join(", ", parts.Unread)}. Write * for query (or q) and gallery (or g), such as "
                        + "'*f,*_pids,*_camids'; or give --protocol self, to search for each item of the one set among the others.");
                return (FeatureSet.Of(parts[0]), null);
            }
            if (query is null || gallery is null)
                throw new UserErrorException($"{file} has features of {string.Join(", ", parts.Select(part => part.Name))}, and queries "
                    + "and gallery are needed. Name them by --names, or give --query and --gallery.");
            foreach (var other in parts)
                if (other != query && other != gallery) other.Dispose();
            return (FeatureSet.Of(query), FeatureSet.Of(gallery));
        }
        catch
        {
            parts.Dispose();
            throw;
        }
    }

    /// <summary>Converts both sets to the wider of their types. Half precision becomes float32, without loss, because its products are slow
    /// or inexact on a CPU.</summary>
    private static (FeatureSet Query, FeatureSet? Gallery) OfOneType(FeatureSet query, FeatureSet? gallery)
    {
        var isDouble = new[] { query, gallery }.Any(set => set?.Set.Features.dtype == torch.ScalarType.Float64);
        var type = isDouble ? torch.ScalarType.Float64 : torch.ScalarType.Float32;
        return (query.To(type), gallery?.To(type));
    }

    private VerificationReport Verify(CancellationToken cancellationToken)
    {
        var evaluator = new VerificationEvaluator { Distance = Evaluator.Distance, Protocol = Evaluator.Protocol,
            MemoryBudget = Evaluator.MemoryBudget };
        return OwnGallery is null ? evaluator.Evaluate(Query.Set, cancellationToken: cancellationToken)
            : evaluator.Evaluate(Query.Set, Gallery.Set, cancellationToken: cancellationToken);
    }

    public void Dispose()
    {
        Query.Dispose();
        OwnGallery?.Dispose();
    }
}
