namespace MetricLearning.Quality;

/// <summary>What a loss is made for.</summary>
/// <param name="Classes">The classes of the training set.</param>
/// <param name="Steps">The steps of a run.</param>
/// <param name="Value">The value of the loss's setting.</param>
internal sealed record Making(int Classes, int Steps, double Value)
{
    /// <summary>The length of embeddings.</summary>
    public long Dimension { get; } = Networks.Dimension;
}

/// <summary>A row of the table: a loss with its miner, its batches and its head.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Create">Makes the loss.</param>
internal sealed record Entry(string Name, Func<Making, Objective> Create)
{
    private static readonly double[] fourRates = [5e-4, 1e-3, 2e-3, 4e-3], twoRates = [1e-3, 4e-3];

    /// <summary>The table that it belongs to.</summary>
    public EntryGroup Group { get; init; } = EntryGroup.Losses;

    /// <summary>The name of the loss's setting that the search varies; null if there is none that matters.</summary>
    public string? Setting { get; init; }

    /// <summary>The values of the setting that the search tries.</summary>
    public IReadOnlyList<double> Values { get; init; } = [];

    public Batches Batches { get; init; } = Batches.P16K4;
    public Head Head { get; init; }

    /// <summary>Whether the network has a classifier.</summary>
    public bool Classifies { get; init; }

    /// <summary>The entry whose learning rate and setting are used in place of a search; null for a search.</summary>
    public string? TunedAs { get; init; }

    /// <summary>The share of the classes that it learns from.</summary>
    public double People { get; init; } = 1;

    /// <summary>The most pictures of a class that it learns from; null for all.</summary>
    public int? Pictures { get; init; }

    /// <summary>The points of the search: learning rate and value.</summary>
    public IEnumerable<(double Rate, double Value)> Points => TunedAs is not null ? []
        : Setting is null ? fourRates.Select(rate => (rate, 0.0))
        : from rate in twoRates from value in Values select (rate, value);

    /// <summary>Whether it makes sense for a kind of data.</summary>
    public bool Suits(DataKind kind) => !Head.GeM || kind != DataKind.Features;
}

/// <summary>The tables.</summary>
internal enum EntryGroup
{
    /// <summary>Losses, miners and batches.</summary>
    Losses,

    /// <summary>Heads.</summary>
    Heads,

    /// <summary>How the result grows with pictures and people.</summary>
    Curves,
}
