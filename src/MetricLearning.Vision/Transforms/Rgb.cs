namespace MetricLearning.Vision;

/// <summary>A color of 8 bits per channel.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
/// <param name="Red">0 … 255.</param>
/// <param name="Green">0 … 255.</param>
/// <param name="Blue">0 … 255.</param>
public readonly record struct Rgb(byte Red, byte Green, byte Blue)
{
    /// <summary>Black, which is also <c>default</c>.</summary>
    public static Rgb Black => default;

    /// <summary>Middle gray, (128, 128, 128).</summary>
    public static Rgb Gray { get; } = new(128, 128, 128);

    /// <summary>The color as a pixel of a <see cref="Picture"/>.</summary>
    internal uint Pixel => Red | (uint)Green << 8 | (uint)Blue << 16;
}
