namespace MetricLearning.Search;

/// <summary>The answer of <see cref="MatchDecision.Decide"/> to a score.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Answer">The answer.</param>
/// <param name="Probability">The probability that the pair is the same, in [0, 1], given the share of same pairs that
/// <see cref="MatchDecision.Decide"/> assumes.</param>
public readonly record struct MatchVerdict(MatchAnswer Answer, double Probability);
