namespace MetricLearning.Quality;

/// <summary>How well embeddings find pictures of their identity: each picture is a query against all others. Where pictures have cameras,
/// those of the query's identity and camera are left out.</summary>
/// <param name="Distance">How embeddings are compared.</param>
/// <param name="MeanAveragePrecision">The mean over queries.</param>
/// <param name="Rank1">The share of queries whose nearest picture is right.</param>
/// <param name="PerIdentity">The mean average precision of each identity's queries.</param>
/// <param name="Queries">How many queries each identity has.</param>
internal sealed record Figures(string Distance, double MeanAveragePrecision, double Rank1, IReadOnlyList<double> PerIdentity,
    IReadOnlyList<int> Queries)
{
    private static readonly Dictionary<string, Distance> distances = new()
    {
        ["cosine"] = MetricLearning.Distance.Cosine, ["Euclidean"] = MetricLearning.Distance.Euclidean,
    };

    /// <summary>The names of the distances.</summary>
    public static IReadOnlyCollection<string> Distances => distances.Keys;

    public static Figures Of(EmbeddingSet set, string distance)
    {
        var report = new RetrievalEvaluator { Distance = distances[distance] }.Evaluate(set);
        var identities = report.PerQuery.Where(query => query.Skipped == SkipReason.None)
            .GroupBy(query => set.Identities[query.Query], query => query.AveragePrecision).ToArray();
        return new(distance, report.MeanAveragePrecision, report.RankAt(1), [.. identities.Select(group => group.Average())],
            [.. identities.Select(group => group.Count())]);
    }
}
