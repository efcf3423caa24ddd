namespace MetricLearning.Quality;

/// <summary>A point of a search and what it reached.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Value">The value of the loss's setting; 0 if it has none.</param>
/// <param name="Distance">The distance that was better on the validation identities; null if training failed.</param>
/// <param name="Validation">The mean average precision there; 0 if training failed.</param>
internal sealed record SearchPoint(double Rate, double Value, string? Distance, double Validation);

/// <summary>A training with the chosen settings, evaluated on the test identities.</summary>
/// <param name="Seed">The seed of weights and batches.</param>
/// <param name="MeanAveragePrecision">The mean over queries.</param>
/// <param name="Rank1">The share of queries whose nearest picture is right.</param>
/// <param name="Seconds">How long it trained.</param>
/// <param name="PerIdentity">The mean average precision of each test identity.</param>
internal sealed record SeedResult(ulong Seed, double MeanAveragePrecision, double Rank1, double Seconds,
    IReadOnlyList<double> PerIdentity);

/// <summary>All that is known of an entry.</summary>
internal sealed class EntryResult
{
    public List<SearchPoint> Search { get; init; } = [];
    public List<SeedResult> Seeds { get; init; } = [];

    /// <summary>The best point so far; null if all failed.</summary>
    public SearchPoint? Chosen => Search.Where(point => point.Distance is not null).MaxBy(point => point.Validation);
}
