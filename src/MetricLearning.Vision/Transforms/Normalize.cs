using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Turns pixels into numbers: <c>(value / 255 − mean) / std</c> in float32, channel by channel, as torchvision's ToTensor and
/// Normalize do. It decides how many channels the batch has: three, or one for <see cref="Gray"/> images.</summary>
public sealed class Normalize : ImageStep
{
    private readonly float[] table;

    /// <summary>Normalizes with these means and standard deviations, of values in 0 … 1.</summary>
    /// <param name="mean">Red, green, blue, or one number for <see cref="Gray"/> images; null for ImageNet's (0.485, 0.456, 0.406).</param>
    /// <param name="std">As many numbers, all greater than 0; null for ImageNet's (0.229, 0.224, 0.225).</param>
    /// <exception cref="ArgumentException">A list has neither three numbers nor one, or the lists have different lengths.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A mean is not finite, or a deviation is not finite and greater than 0.</exception>
    public Normalize(IReadOnlyList<float>? mean = null, IReadOnlyList<float>? std = null)
    {
        Mean = ChannelValues.Checked(mean ?? ChannelValues.ImageNetMean, nameof(mean), orGray: true);
        Std = ChannelValues.Checked(std ?? [0.229f, 0.224f, 0.225f], nameof(std), orGray: true);
        if (Mean.Count != Std.Count)
            throw new ArgumentException($"std must have as many numbers as mean, {Mean.Count}, got {Std.Count}.", nameof(std));
        foreach (var deviation in Std) Guard.Positive(deviation, nameof(std));
        // The values are computed in float32 and in PyTorch's order, so they match PyTorch's bit for bit.
        table = new float[Channels * 256];
        for (var i = 0; i < table.Length; i++) table[i] = Value(i >> 8, (i & 255) / 255f);
    }

    /// <summary>Makes images of one channel: the brightness (0.299 R + 0.587 G + 0.114 B, rounded), normalized. It is torchvision's
    /// Grayscale(1), ToTensor and Normalize.</summary>
    /// <param name="mean">The mean. Default: the mean of ImageNet's three.</param>
    /// <param name="std">The standard deviation, greater than 0. Default: the mean of ImageNet's three.</param>
    /// <exception cref="ArgumentOutOfRangeException">The mean is not finite, or the deviation is not finite and greater than 0.</exception>
    public static Normalize Gray(float mean = 0.449f, float std = 0.226f) => new([mean], [std]);

    /// <summary>The number of channels of the batch: 3, or 1 for gray images.</summary>
    public int Channels => Mean.Count;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <summary>The mean of each channel.</summary>
    public IReadOnlyList<float> Mean { get; }

    /// <summary>The standard deviation of each channel.</summary>
    public IReadOnlyList<float> Std { get; }

    /// <summary>The normalized value of a brightness in 0 … 1.</summary>
    /// <param name="channel">The channel, from 0 to <see cref="Channels"/> − 1.</param>
    /// <param name="brightness">The brightness.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such channel.</exception>
    public float Value(int channel, float brightness) => (uint)channel < (uint)Channels ? (brightness - Mean[channel]) / Std[channel]
        : throw new ArgumentOutOfRangeException(nameof(channel), channel, $"channel must be in [0, {Channels}).");

    internal void Apply(Picture picture, Span<float> destination)
    {
        var pixels = MemoryMarshal.Cast<byte, uint>(picture.Pixels);
        ReadOnlySpan<float> values = table;
        if (Channels == 1)
        {
            for (var i = 0; i < pixels.Length; i++) destination[i] = values[PillowColor.Luma(pixels[i])];
            return;
        }
        var red = destination[..pixels.Length];
        var green = destination.Slice(pixels.Length, pixels.Length);
        var blue = destination.Slice(2 * pixels.Length, pixels.Length);
        for (var i = 0; i < pixels.Length; i++)
        {
            var pixel = pixels[i];
            red[i] = values[(int)(pixel & 255)];
            green[i] = values[(int)(256 + (pixel >> 8 & 255))];
            blue[i] = values[(int)(512 + (pixel >> 16 & 255))];
        }
    }

    /// <summary>Turns [N, 3, H, W] uint8 into [N, Channels, H, W] float32, on any device.</summary>
    internal Tensor ApplyToBatch(Tensor images)
    {
        // The divisors are tensors: on CUDA a division by a number becomes a multiplication by its inverse, which differs in the last bit.
        return (Channels == 1 ? BatchColor.Luma(images) : images).to(ScalarType.Float32).div_(Row([255])).sub_(Row(Mean)).div_(Row(Std));

        Tensor Row(IReadOnlyList<float> values) => tensor(values.ToArray(), ScalarType.Float32, images.device).view(1, -1, 1, 1);
    }
}
