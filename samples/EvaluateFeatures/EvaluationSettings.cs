namespace EvaluateFeatures;

/// <summary>The settings from the command line: what is read, how it is evaluated, and what is written.</summary>
internal sealed record EvaluationSettings
{
    /// <summary>One file with queries and gallery, or with one set.</summary>
    public string? File { get; init; }
    public SetFiles? Query { get; init; }
    public SetFiles? Gallery { get; init; }

    /// <summary>The images that the multi-query protocol pools for each query; null for the queries themselves.</summary>
    public string? MultiQueryPictures { get; init; }
    public MultiQueryPooling? MultiQuery { get; init; }
    public FeatureNames? Names { get; init; }

    /// <summary>A second file, to compare with the first.</summary>
    public string? Compare { get; init; }
    public required Distance Distance { get; init; }

    /// <summary>Null for the library's default, which depends on whether there are cameras.</summary>
    public RetrievalProtocol? Protocol { get; init; }
    public TiePolicy Ties { get; init; }
    public Reranker? Reranking { get; init; }

    /// <summary>Whether features are scaled to length 1 before they are re-ranked.</summary>
    public bool Normalizes { get; init; }
    public long MemoryBudget { get; init; } = 256L << 20;
    public bool CameraPairs { get; init; }
    public bool Verification { get; init; }
    public FileInfo? Json { get; init; }
    public FileInfo? Csv { get; init; }
    public FileInfo? Html { get; init; }

    /// <summary>The files that are read; null for those that are not given.</summary>
    public IEnumerable<string?> Inputs =>
        [File, Compare, MultiQueryPictures, .. new[] { Query, Gallery }.SelectMany(set => new[] { set?.Features, set?.Ids, set?.Cameras })];

    /// <summary>The folder that the names of the images are relative to; null if no images are shown.</summary>
    public DirectoryInfo? Images { get; init; }
}
