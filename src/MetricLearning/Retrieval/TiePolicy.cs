namespace MetricLearning;

/// <summary>The order of gallery images at exactly the same distance from a query.</summary>
public enum TiePolicy
{
    /// <summary>The lower gallery index comes first, as after a stable sort.</summary>
    ByIndex,

    /// <summary>Matches come first: the best figures that any order of the gallery gives.</summary>
    Optimistic,

    /// <summary>Matches come last: the worst figures that any order of the gallery gives.</summary>
    Pessimistic,

    /// <summary>All orders are equally likely, and each figure is its exact expectation (McSherry and Najork, ECIR 2008). So the order of
    /// the gallery does not matter.</summary>
    Expected,
}
