namespace MetricLearning;

/// <summary>Which of a vision transformer's tokens become the feature map.</summary>
public enum TransformerFeature
{
    /// <summary>The class token, as a map of one position.</summary>
    ClassToken,

    /// <summary>The tokens of the patches, as a map with one position for each.</summary>
    Patches,
}
