namespace MetricLearning.Search;

/// <summary>Turns the nearness of a pair into an answer and a probability. Nearness is the score, or its negative if a smaller score is
/// nearer.</summary>
/// <param name="Match">From this nearness on, a pair is a match.</param>
/// <param name="NoMatch">Below this nearness, a pair is no match.</param>
/// <param name="Starts">The lowest nearness of each step of the probability, ascending.</param>
/// <param name="Heights">The probability of each step.</param>
internal sealed record AnswerRule(double Match, double NoMatch, double[] Starts, double[] Heights)
{
    /// <summary>Answers for a pair.</summary>
    public MatchVerdict Of(double nearness)
    {
        var step = Array.BinarySearch(Starts, nearness);
        var probability = Heights[Math.Max(0, step >= 0 ? step : ~step - 1)];
        return new((nearness >= Match, nearness < NoMatch) switch
        {
            (true, true) => probability >= 0.5 ? MatchAnswer.Match : MatchAnswer.NoMatch,
            (true, false) => MatchAnswer.Match,
            (false, true) => MatchAnswer.NoMatch,
            (false, false) => MatchAnswer.Unsure,
        }, probability);
    }
}
