namespace MetricLearning.Search;

/// <summary>Whether two pictures show the same thing.</summary>
public enum MatchAnswer
{
    /// <summary>They do not.</summary>
    NoMatch,

    /// <summary>The score is that of some pairs that do and of some that do not.</summary>
    Unsure,

    /// <summary>They do.</summary>
    Match,
}
