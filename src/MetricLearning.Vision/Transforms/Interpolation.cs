namespace MetricLearning.Vision;

/// <summary>How a picture that is turned, sheared or tilted gets its pixels.</summary>
public enum Interpolation
{
    /// <summary>The pixel in which the place lies.</summary>
    Nearest,

    /// <summary>The four pixels around the place.</summary>
    Bilinear,

    /// <summary>The sixteen pixels around the place, by Pillow's cubic (a = −1).</summary>
    Bicubic,
}
