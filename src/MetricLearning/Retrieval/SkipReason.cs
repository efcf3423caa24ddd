namespace MetricLearning;

/// <summary>Why a query has no match left and is not counted.</summary>
public enum SkipReason
{
    /// <summary>It is counted.</summary>
    None,

    /// <summary>Its identity is the junk label.</summary>
    Junk,

    /// <summary>No gallery picture shows its identity.</summary>
    IdentityNotInGallery,

    /// <summary>All pictures of its identity are from its own camera.</summary>
    OnlyInOwnCamera,

    /// <summary>It is the only picture of its identity.</summary>
    OnlyItself,

    /// <summary>The protocol's own filter removed all pictures of its identity.</summary>
    RemovedByFilter,
}
