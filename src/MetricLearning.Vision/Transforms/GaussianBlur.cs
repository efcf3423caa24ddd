using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MetricLearning.Vision;

/// <summary>Blurs with a Gaussian whose standard deviation is uniform in [minSigma, maxSigma]; the image is mirrored at its border. It is
/// torchvision's GaussianBlur with a probability, as self-supervised training uses it (SimCLR, MoCo v2: 0.1 to 2, with probability
/// 0.5).</summary>
/// <remarks>The weights are exp(−x² / 2σ²) at the whole pixels of the kernel, divided by their sum. Rows are blurred first, then columns,
/// in float32; the result is rounded to the nearest integer.</remarks>
public sealed class GaussianBlur : PixelStep
{
    /// <summary>Blurs within these bounds.</summary>
    /// <param name="kernel">The width of the window in pixels, odd. SimCLR takes a tenth of the image's height. Default: 23.</param>
    /// <param name="minSigma">The smallest standard deviation in pixels, in (0, maxSigma]. Default: 0.1.</param>
    /// <param name="maxSigma">The largest standard deviation in pixels. Default: 2.</param>
    /// <param name="probability">The probability that an image is blurred, in [0, 1]. Default: 0.5.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public GaussianBlur(int kernel = 23, double minSigma = 0.1, double maxSigma = 2, double probability = 0.5)
    {
        Kernel = Guard.AtLeast(kernel, 1);
        if (kernel % 2 == 0) throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "kernel must be odd.");
        MaxSigma = Guard.Positive(maxSigma);
        MinSigma = Guard.Positive(Guard.Within(minSigma, 0, maxSigma), nameof(minSigma));
        Probability = Guard.Within(probability, 0, 1);
    }

    /// <summary>The width of the window in pixels.</summary>
    public int Kernel { get; }

    /// <summary>The smallest standard deviation in pixels.</summary>
    public double MinSigma { get; }

    /// <summary>The largest standard deviation in pixels.</summary>
    public double MaxSigma { get; }

    /// <summary>The probability that an image is blurred.</summary>
    public double Probability { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() >= Probability) return;
        var sigma = random.NextDouble(MinSigma, MaxSigma);
        var weights = new float[Kernel];
        var sum = 0.0;
        for (var i = 0; i < Kernel; i++) sum += Math.Exp(-0.5 * Math.Pow((i - Kernel / 2) / sigma, 2));
        for (var i = 0; i < Kernel; i++) weights[i] = (float)(Math.Exp(-0.5 * Math.Pow((i - Kernel / 2) / sigma, 2)) / sum);
        Blur(picture, weights);
    }

    private static void Blur(Picture picture, float[] weights)
    {
        const int Channels = Picture.BytesPerPixel;
        var (width, height, half) = (picture.Width, picture.Height, weights.Length / 2);
        var line = width * Channels;
        var pixels = picture.Pixels;
        var across = ArrayPool<float>.Shared.Rent(pixels.Length);
        var buffer = ArrayPool<float>.Shared.Rent(line + 2 * half * Channels);
        try
        {
            var wide = buffer.AsSpan(0, line + 2 * half * Channels);
            for (var y = 0; y < height; y++)
            {
                var row = pixels.Slice(y * line, line);
                var middle = wide.Slice(half * Channels, line);
                for (var i = 0; i < line; i++) middle[i] = row[i];
                for (var x = 1; x <= half; x++)
                {
                    middle.Slice(Mirror(-x, width) * Channels, Channels).CopyTo(wide[((half - x) * Channels)..]);
                    middle.Slice(Mirror(width - 1 + x, width) * Channels, Channels).CopyTo(wide[((half + width - 1 + x) * Channels)..]);
                }
                var sum = across.AsSpan(y * line, line);
                sum.Clear();
                for (var i = 0; i < weights.Length; i++) Add(sum, wide.Slice(i * Channels, line), weights[i]);
            }
            for (var y = 0; y < height; y++)
            {
                var sum = buffer.AsSpan(0, line);
                sum.Clear();
                for (var i = 0; i < weights.Length; i++) Add(sum, across.AsSpan(Mirror(y + i - half, height) * line, line), weights[i]);
                var row = pixels.Slice(y * line, line);
                for (var i = 0; i < line; i++) row[i] = (byte)(sum[i] + 0.5f);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(across);
            ArrayPool<float>.Shared.Return(buffer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(Span<float> sum, ReadOnlySpan<float> values, float weight)
    {
        var i = 0;
        for (; i <= sum.Length - Vector256<float>.Count; i += Vector256<float>.Count)
            (Vector256.Create<float>(sum[i..]) + Vector256.Create(values[i..]) * weight).CopyTo(sum[i..]);
        for (; i < sum.Length; i++) sum[i] += values[i] * weight;
    }

    /// <summary>The pixel that is used for a place outside of the image. The place is mirrored at the center of the border pixel as often
    /// as needed: …2 1 0 1 2….</summary>
    private static int Mirror(int place, int length)
    {
        if (length == 1) return 0;
        var period = 2 * (length - 1);
        var within = (place % period + period) % period;
        return within < length ? within : period - within;
    }
}
