namespace MetricLearning.Benchmarks;

/// <summary>Every case of the suite. A new file of cases needs a line here, and a new category a line in Suite/Categories.cs.</summary>
internal static class CaseTable
{
    public static IReadOnlyList<Case> All { get; } =
    [
        .. DistanceCases.All,
        .. MiningCases.All,
        .. LossCases.All,
        .. ClassLossCases.All,
        .. ViewLossCases.All,
        .. SharingCases.All,
        .. ProductCases.All,
        .. SamplerCases.All,
        .. EvaluationCases.All,
        .. RerankingCases.All,
        .. ClusteringCases.All,
        .. SearchCases.All,
        .. NetworkCases.All,
        .. OptimizerCases.All,
        .. LoaderCases.All,
        .. ListCases.All,
        .. WeightCases.All,
    ];

    public static IReadOnlyDictionary<string, Case> ByName { get; } = All.ToDictionary(item => item.Name);
}
