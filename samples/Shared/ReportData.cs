namespace MetricLearning.Samples;

/// <summary>What a network achieves on query and gallery at one moment, with all that the report draws of it.</summary>
internal sealed record Snapshot
{
    /// <summary>"before training", "after training".</summary>
    public required string Name { get; init; }
    public required Figures Figures { get; init; }

    /// <summary>The share of queries whose first match is among the first k, for k = 1, 2, ...</summary>
    public required IReadOnlyList<double> Cmc { get; init; }
    public required DistanceHistogram Distances { get; init; }
    public required IReadOnlyList<ProjectedPoint> Projection { get; init; }
    public required IReadOnlyList<Ranking> Rankings { get; init; }

    /// <summary>Where the network looks in the queries of the rankings.</summary>
    public IReadOnlyList<ActivationPicture> Activations { get; init; } = [];
}

/// <summary>How distances of pictures of the same identity and of different ones spread: shares per bin, each summing to 1.</summary>
internal sealed record DistanceHistogram(double Low, double High, IReadOnlyList<double> Same, IReadOnlyList<double> Different);

/// <summary>An embedding seen in the plane; <paramref name="Group"/> numbers the identity from 0.</summary>
internal readonly record struct ProjectedPoint(double X, double Y, int Group, string Name);

/// <summary>One query and what was found, nearest first.</summary>
internal sealed record Ranking(Thumbnail Query, IReadOnlyList<Found> Results);

/// <summary>A picture by its path and what is written under it.</summary>
internal sealed record Thumbnail(string Path, string Caption);

/// <summary>A picture of a ranked list.</summary>
internal sealed record Found(Thumbnail Picture, double Distance, bool Right);

/// <summary>A picture with the places colored at which the network's features are strong, as a PNG.</summary>
internal sealed record ActivationPicture(Thumbnail Picture, byte[] Overlay);

/// <summary>One moment of training, for the curves.</summary>
internal sealed record TrainingPoint(double Epoch, double Loss, IReadOnlyList<(string Name, double Value)> Parts, double LearningRate);

/// <summary>All that the HTML page shows; what is empty is left out.</summary>
internal sealed record ReportData
{
    public required string Title { get; init; }
    public required string Lead { get; init; }

    /// <summary>What counts in the figures, in a sentence.</summary>
    public string Rules { get; init; } = "";
    public IReadOnlyList<Snapshot> Snapshots { get; init; } = [];
    public IReadOnlyList<TrainingPoint> Training { get; init; } = [];

    /// <summary>The figures at the ends of some epochs.</summary>
    public IReadOnlyList<(double Epoch, Figures Figures)> Progress { get; init; } = [];

    /// <summary>How sure the figures, or the difference of two snapshots, are: a table with a header, and what it means.</summary>
    public IReadOnlyList<string[]> Comparison { get; init; } = [];
    public string ComparisonNote { get; init; } = "";

    /// <summary>Further tables, each with a header row.</summary>
    public IReadOnlyList<(string Heading, IReadOnlyList<string[]> Rows, string Note)> Tables { get; init; } = [];

    /// <summary>Width over height of the pictures as they are shown.</summary>
    public double PictureRatio { get; init; } = 0.5;
    public IReadOnlyList<IReadOnlyList<Thumbnail>> SamplePictures { get; init; } = [];

    /// <summary>A table: the first row is its header.</summary>
    public IReadOnlyList<string[]> DataStatistics { get; init; } = [];
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];
    public string ModelSummary { get; init; } = "";
}
