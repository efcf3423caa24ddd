namespace MetricLearning.Search;

/// <summary>Says whether two pictures show the same person or thing.</summary>
public enum MatchAnswer
{
    /// <summary>They show different ones.</summary>
    NoMatch,

    /// <summary>The score does not decide: it is common among same pairs and among different pairs.</summary>
    Unsure,

    /// <summary>They show the same one.</summary>
    Match,
}
