namespace MetricLearning;

/// <summary>Which gallery images of a query's own camera are removed from its list.</summary>
public enum CameraFilter
{
    /// <summary>None: cameras are not compared.</summary>
    None,

    /// <summary>The images of the query's own identity (the rule of Market-1501, DukeMTMC, MSMT17, CUHK03 and VeRi).</summary>
    SameIdentity,

    /// <summary>All: the list holds images of other cameras only.</summary>
    All,
}
