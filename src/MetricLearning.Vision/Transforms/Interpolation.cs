namespace MetricLearning.Vision;

/// <summary>How the pixels of a rotated, sheared or tilted image are computed.</summary>
public enum Interpolation
{
    /// <summary>From the pixel in which the place lies.</summary>
    Nearest,

    /// <summary>From the four pixels around the place.</summary>
    Bilinear,

    /// <summary>From the sixteen pixels around the place, by Pillow's cubic (a = −1).</summary>
    Bicubic,
}
