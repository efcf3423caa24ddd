namespace MetricLearning.Vision;

/// <summary>How <see cref="Resize"/> computes pixels. The filters are Pillow's. All but <see cref="Nearest"/> are widened by the scale when
/// the image shrinks, so that nothing aliases.</summary>
public enum ResizeFilter
{
    /// <summary>Weights that fall linearly to 0 at a distance of one pixel. This is torchvision's default.</summary>
    Bilinear,

    /// <summary>A cubic with a = −0.5, over two pixels to each side. fast-reid and timm's vision transformers use it.</summary>
    Bicubic,

    /// <summary>The product of two sines over their arguments, over three pixels to each side.</summary>
    Lanczos,

    /// <summary>The mean over the pixels that a target pixel covers.</summary>
    Box,

    /// <summary>A sine over its argument in Hamming's window, over one pixel to each side.</summary>
    Hamming,

    /// <summary>The pixel in which the center of the target pixel lies.</summary>
    Nearest,
}
