namespace MetricLearning.Benchmarks;

/// <summary>Every case of the suite. A new file of cases is a new line here, and its category a new line in Suite/Categories.cs.</summary>
internal static class CaseTable
{
    public static IReadOnlyList<Case> All { get; } =
    [
        .. DistanceCases.All,
        .. EvaluationCases.All,
    ];

    public static IReadOnlyDictionary<string, Case> ByName { get; } = All.ToDictionary(item => item.Name);
}
