namespace MetricLearning;

/// <summary>How position embeddings are interpolated from one grid of patches to another.</summary>
public enum PositionInterpolation
{
    /// <summary>Bicubic, with anti-aliasing if the grid shrinks: timm's.</summary>
    Bicubic,

    /// <summary>Bilinear: TransReID's.</summary>
    Bilinear,
}
