namespace MetricLearning;

/// <summary>How position embeddings of one grid of patches become those of another.</summary>
public enum PositionInterpolation
{
    /// <summary>Bicubic, smoothed where the grid shrinks: timm's.</summary>
    Bicubic,

    /// <summary>Bilinear: TransReID's.</summary>
    Bilinear,
}
