namespace MetricLearning.Vision;

/// <summary>A color of 8 bits a channel.</summary>
/// <param name="Red">0 … 255.</param>
/// <param name="Green">0 … 255.</param>
/// <param name="Blue">0 … 255.</param>
public readonly record struct Rgb(byte Red, byte Green, byte Blue)
{
    /// <summary>Black, which <c>default</c> is too.</summary>
    public static Rgb Black => default;

    /// <summary>Middle gray, (128, 128, 128).</summary>
    public static Rgb Gray { get; } = new(128, 128, 128);

    /// <summary>As it lies in a picture.</summary>
    internal uint Pixel => Red | (uint)Green << 8 | (uint)Blue << 16;
}
