namespace MetricLearning;

/// <summary>What of a vision transformer's tokens becomes the feature map.</summary>
public enum TransformerFeature
{
    /// <summary>The class token, as a map of one place.</summary>
    ClassToken,

    /// <summary>The tokens of the patches, as a map with a place for each.</summary>
    Patches,
}
