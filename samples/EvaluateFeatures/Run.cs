namespace EvaluateFeatures;

/// <summary>One model's features and their evaluation.</summary>
internal sealed class Run : IDisposable
{
    private Run(string name, FeatureSet query, FeatureSet? gallery, RetrievalEvaluator evaluator, CancellationToken cancellationToken)
    {
        (Name, Query, OwnGallery, Evaluator) = (name, query, gallery, evaluator);
        Report = gallery is null ? evaluator.Evaluate(query.Set, cancellationToken: cancellationToken)
            : evaluator.Evaluate(query.Set, gallery.Set, cancellationToken: cancellationToken);
    }

    public string Name { get; }
    public FeatureSet Query { get; }
    public FeatureSet Gallery => OwnGallery ?? Query;
    public RetrievalEvaluator Evaluator { get; }
    public RetrievalReport Report { get; }
    public Figures Figures => Figures.Of(Report);
    public QueryFigures PerQuery => QueryFigures.Of(Report);

    /// <summary>The gallery; null where the queries are searched for among themselves.</summary>
    private FeatureSet? OwnGallery { get; }

    /// <summary>Reads the features of a file, or of the files that the settings name, and evaluates them by the settings.</summary>
    public static Run Of(EvaluationSettings settings, string? file, CancellationToken cancellationToken)
    {
        var reader = new FeatureReader { Names = settings.Names };
        var (query, gallery) = file is not null ? reader.ReadBoth(file)
            : (reader.Read("query", settings.Query!), reader.Read("gallery", settings.Gallery!));
        try
        {
            if (settings.MultiQuery is { } pooling)
            {
                using var pictures = settings.MultiQueryPictures is { } path ? reader.Read("mquery", new SetFiles(path)) : null;
                var pooled = query with { Set = MultiQuery.Pool(query.Set, (pictures ?? query).Set, pooling) };
                query.Dispose();
                query = pooled;
            }
            var protocol = settings.Protocol ?? (gallery is null ? RetrievalProtocol.SelfRetrieval : RetrievalProtocol.Market1501);
            if (gallery is null) protocol = protocol with { RemovesSelf = true };
            if (protocol.Cameras != CameraFilter.None && (query.Set.Cameras is null || (gallery ?? query).Set.Cameras is null))
                throw new UserErrorException(
                    $"The protocol {protocol.Name} compares cameras, and there are none. Give them, or take --protocol none.");
            return new Run(Path.GetFileNameWithoutExtension(file ?? settings.Query!.Features), query, gallery, new RetrievalEvaluator
            {
                Distance = settings.Distance,
                Protocol = protocol,
                Ties = settings.Ties,
                Reranking = settings.Reranking,
                MemoryBudget = settings.MemoryBudget,
            }, cancellationToken);
        }
        catch
        {
            query.Dispose();
            gallery?.Dispose();
            throw;
        }
    }

    public CameraPairReport ByCameraPair(CancellationToken cancellationToken) =>
        Evaluator.EvaluateByCameraPair(Query.Set, Gallery.Set, cancellationToken: cancellationToken);

    public VerificationReport Verify(CancellationToken cancellationToken)
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
