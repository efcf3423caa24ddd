namespace MetricLearning.Samples;

/// <summary>The results of a network on query and gallery at one moment, as the report shows them.</summary>
internal sealed record Snapshot
{
    /// <summary>The name of the moment, such as "before training".</summary>
    public required string Name { get; init; }
    public required Figures Figures { get; init; }

    /// <summary>The share of queries that have a match among the first k images, for k = 1, 2, ...</summary>
    public required IReadOnlyList<double> Cmc { get; init; }
    public required DistanceHistogram Distances { get; init; }
    public required IReadOnlyList<ProjectedPoint> Projection { get; init; }
    public required IReadOnlyList<Ranking> Rankings { get; init; }

    /// <summary>The mistakes: which identity is taken for which. The most frequent mistake is first.</summary>
    public IReadOnlyList<Mistake> Mistakes { get; init; } = [];

    /// <summary>The activation maps of the queries in the ranked lists.</summary>
    public IReadOnlyList<ActivationPicture> Activations { get; init; } = [];
}

/// <summary>Histograms of the distances between images of the same identity and of different identities: shares per bin, which sum to
/// 1.</summary>
internal sealed record DistanceHistogram(double Low, double High, IReadOnlyList<double> Same, IReadOnlyList<double> Different);

/// <summary>An embedding projected to the plane; <paramref name="Group"/> numbers the identity from 0.</summary>
internal readonly record struct ProjectedPoint(double X, double Y, int Group, string Name);

/// <summary>One query and its results, nearest first.</summary>
internal sealed record Ranking(Thumbnail Query, IReadOnlyList<Found> Results);

/// <summary>The queries of one identity whose nearest gallery image shows one other identity: their number, and the nearest pair.</summary>
internal sealed record Mistake(string Identity, string TakenFor, int Count, int Queries, double Distance, Thumbnail Query, Thumbnail Found);

/// <summary>An image by its path, with its caption.</summary>
internal sealed record Thumbnail(string Path, string Caption);

/// <summary>An image of a ranked list.</summary>
internal sealed record Found(Thumbnail Picture, double Distance, bool Right);

/// <summary>An image in which the places of strong features are colored, as a PNG.</summary>
internal sealed record ActivationPicture(Thumbnail Picture, byte[] Overlay);

/// <summary>One moment of training, for the curves.</summary>
internal sealed record TrainingPoint(double Epoch, double Loss, IReadOnlyList<(string Name, double Value)> Parts, double LearningRate);

/// <summary>The figures at one moment of training.</summary>
internal sealed record ProgressPoint(double Epoch, Figures Figures);

/// <summary>The content of the HTML page. The page leaves out empty parts.</summary>
internal sealed record ReportData
{
    public required string Title { get; init; }
    public required string Lead { get; init; }

    /// <summary>A sentence that says what counts in the figures.</summary>
    public string Rules { get; init; } = "";
    public IReadOnlyList<Snapshot> Snapshots { get; init; } = [];
    public IReadOnlyList<TrainingPoint> Training { get; init; } = [];

    /// <summary>The figures at the ends of some epochs.</summary>
    public IReadOnlyList<ProgressPoint> Progress { get; init; } = [];

    /// <summary>The confidence intervals of the figures, or of the difference of two snapshots: a table with a header row.</summary>
    public IReadOnlyList<string[]> Comparison { get; init; } = [];
    public string ComparisonNote { get; init; } = "";

    /// <summary>Further tables, each with a header row.</summary>
    public IReadOnlyList<(string Heading, IReadOnlyList<string[]> Rows, string Note)> Tables { get; init; } = [];

    /// <summary>The width of the images, as they are shown, divided by their height.</summary>
    public double PictureRatio { get; init; } = 0.5;
    public IReadOnlyList<IReadOnlyList<Thumbnail>> SamplePictures { get; init; } = [];

    /// <summary>A table: the first row is its header.</summary>
    public IReadOnlyList<string[]> DataStatistics { get; init; } = [];
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];
    public string ModelSummary { get; init; } = "";
}
