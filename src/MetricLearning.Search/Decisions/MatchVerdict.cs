namespace MetricLearning.Search;

/// <summary>What <see cref="MatchDecision.Decide"/> says of a score.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Answer">The answer.</param>
/// <param name="Probability">The probability that the pair is the same, in [0, 1], where pairs come as often as among the labelled
/// ones.</param>
public readonly record struct MatchVerdict(MatchAnswer Answer, double Probability);
