namespace MetricLearning.Vision;

/// <summary>How the pixels of a rotated, sheared or tilted image are computed.</summary>
public enum Interpolation
{
    /// <summary>Takes the pixel in which the place lies.</summary>
    Nearest,

    /// <summary>Computes the weighted mean of the four pixels around the place.</summary>
    Bilinear,

    /// <summary>Computes the value from the sixteen pixels around the place, with Pillow's cubic filter (a = −1).</summary>
    Bicubic,
}
