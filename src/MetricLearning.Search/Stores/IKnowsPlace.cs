namespace MetricLearning.Search;

/// <summary>A collection that knows where its records are.</summary>
internal interface IKnowsPlace
{
    /// <summary>Where the records are. Collections with equal places have the same records.</summary>
    object Place { get; }
}
