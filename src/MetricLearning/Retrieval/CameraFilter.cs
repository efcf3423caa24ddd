namespace MetricLearning;

/// <summary>Which gallery images a query's own camera takes out of its list.</summary>
public enum CameraFilter
{
    /// <summary>None: cameras are not looked at.</summary>
    None,

    /// <summary>Those that show the query's own identity (the rule of Market-1501, DukeMTMC, MSMT17, CUHK03 and VeRi).</summary>
    SameIdentity,

    /// <summary>All of them: the query looks only at other cameras.</summary>
    All,
}
