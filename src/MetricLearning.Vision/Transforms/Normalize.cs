using System.Runtime.InteropServices;

namespace MetricLearning.Vision;

/// <summary>Pixels to numbers: <c>(value / 255 − mean) / std</c> in float32, channel by channel, as torchvision's ToTensor and Normalize
/// do.</summary>
public sealed class Normalize : ImageStep
{
    private readonly float[] table = new float[3 * 256];

    /// <summary>Normalises with the given means and deviations, of values in 0 … 1.</summary>
    /// <param name="mean">Red, green, blue; null for ImageNet's (0.485, 0.456, 0.406).</param>
    /// <param name="std">Red, green, blue; null for ImageNet's (0.229, 0.224, 0.225).</param>
    /// <exception cref="ArgumentException">Not three numbers.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A mean is not finite or a deviation not positive.</exception>
    public Normalize(IReadOnlyList<float>? mean = null, IReadOnlyList<float>? std = null)
    {
        Mean = Colour.Checked(mean ?? Colour.ImageNetMean, nameof(mean));
        Std = Colour.Checked(std ?? [0.229f, 0.224f, 0.225f], nameof(std));
        foreach (var deviation in Std) Guard.Positive(deviation, nameof(std));
        // Computed in float32 in PyTorch's order, so that the values are its values to the bit.
        for (var i = 0; i < table.Length; i++) table[i] = Value(i >> 8, (i & 255) / 255f);
    }

    /// <summary>The mean of each channel.</summary>
    public IReadOnlyList<float> Mean { get; }

    /// <summary>The standard deviation of each channel.</summary>
    public IReadOnlyList<float> Std { get; }

    /// <summary>The normalised value of a brightness in 0 … 1.</summary>
    public float Value(int channel, float brightness) => (brightness - Mean[channel]) / Std[channel];

    internal void Apply(Picture picture, Span<float> destination)
    {
        var pixels = MemoryMarshal.Cast<byte, uint>(picture.Pixels);
        var red = destination[..pixels.Length];
        var green = destination.Slice(pixels.Length, pixels.Length);
        var blue = destination.Slice(2 * pixels.Length, pixels.Length);
        ReadOnlySpan<float> values = table;
        for (var i = 0; i < pixels.Length; i++)
        {
            var pixel = pixels[i];
            red[i] = values[(int)(pixel & 255)];
            green[i] = values[(int)(256 + (pixel >> 8 & 255))];
            blue[i] = values[(int)(512 + (pixel >> 16 & 255))];
        }
    }
}
