namespace MetricLearning;

/// <summary>Why a query has no match left and is not counted.</summary>
public enum SkipReason
{
    /// <summary>The query is counted.</summary>
    None,

    /// <summary>Its identity is the protocol's junk identity.</summary>
    Junk,

    /// <summary>No gallery image shows its identity.</summary>
    IdentityNotInGallery,

    /// <summary>All images of its identity are from its own camera.</summary>
    OnlyInOwnCamera,

    /// <summary>It is the only image of its identity.</summary>
    OnlyItself,

    /// <summary>The protocol's own filter removed all images of its identity.</summary>
    RemovedByFilter,
}
