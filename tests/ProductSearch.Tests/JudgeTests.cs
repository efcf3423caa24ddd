using MetricLearning.Search;

namespace ProductSearch.Tests;

public class JudgeTests
{
    /// <summary>A bad network must not keep the page from starting.</summary>
    [Theory, InlineData(0, 400, false), InlineData(19, 381, false), InlineData(381, 19, false), InlineData(20, 380, true),
        InlineData(380, 20, true)]
    public void ADecision_NeedsTwentyPairsOfEachKind(int same, int different, bool made)
    {
        LabelledPair[] pairs =
        [
            .. Enumerable.Range(0, same).Select(i => new LabelledPair(0.6 + 0.001 * i, true)),
            .. Enumerable.Range(0, different).Select(i => new LabelledPair(0.5 - 0.001 * i, false)),
        ];
        Assert.Equal(made, Judge.DecisionOf(pairs) is not null);
    }
}
