using System.Buffers;

namespace MetricLearning.Vision;

/// <summary>Blurs with a Gaussian whose deviation is uniform in [minSigma, maxSigma], mirrored at the border: torchvision's GaussianBlur
/// with a probability, as self-supervised training uses it (SimCLR, MoCo v2: 0.1 to 2, with 0.5).</summary>
/// <remarks>The weights are exp(−x² / 2σ²) at whole pixels within the kernel, divided by their sum; rows, then columns, in float32,
/// rounded to even at a half.</remarks>
public sealed class GaussianBlur : PixelStep
{
    /// <summary>Blurs with these bounds.</summary>
    /// <param name="kernel">The width of the window in pixels, odd. SimCLR takes a tenth of the picture's height.</param>
    /// <param name="minSigma">The least deviation in pixels.</param>
    /// <param name="maxSigma">The largest deviation in pixels.</param>
    /// <param name="probability">How likely the picture is blurred, in [0, 1].</param>
    public GaussianBlur(int kernel = 23, double minSigma = 0.1, double maxSigma = 2, double probability = 0.5)
    {
        Kernel = Guard.AtLeast(kernel, 1);
        if (kernel % 2 == 0) throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "kernel must be odd.");
        MaxSigma = Guard.Positive(maxSigma);
        MinSigma = Guard.Positive(Guard.Within(minSigma, 0, maxSigma));
        Probability = Guard.Within(probability, 0, 1);
    }

    /// <summary>The width of the window.</summary>
    public int Kernel { get; }

    /// <summary>The least deviation.</summary>
    public double MinSigma { get; }

    /// <summary>The largest deviation.</summary>
    public double MaxSigma { get; }

    /// <summary>How likely the picture is blurred.</summary>
    public double Probability { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
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
        var (width, height, half) = (picture.Width, picture.Height, weights.Length / 2);
        var line = width * Picture.BytesPerPixel;
        var pixels = picture.Pixels;
        var between = ArrayPool<float>.Shared.Rent(pixels.Length);
        var row = ArrayPool<float>.Shared.Rent(line);
        try
        {
            for (var y = 0; y < height; y++)
                for (var x = 0; x < width; x++)
                {
                    float red = 0, green = 0, blue = 0;
                    for (var i = 0; i < weights.Length; i++)
                    {
                        var from = y * line + Mirror(x + i - half, width) * Picture.BytesPerPixel;
                        red += weights[i] * pixels[from];
                        green += weights[i] * pixels[from + 1];
                        blue += weights[i] * pixels[from + 2];
                    }
                    var to = y * line + x * Picture.BytesPerPixel;
                    (between[to], between[to + 1], between[to + 2], between[to + 3]) = (red, green, blue, 0);
                }
            for (var y = 0; y < height; y++)
            {
                row.AsSpan(0, line).Clear();
                for (var i = 0; i < weights.Length; i++)
                {
                    var source = between.AsSpan(Mirror(y + i - half, height) * line, line);
                    for (var x = 0; x < line; x++) row[x] += weights[i] * source[x];
                }
                for (var x = 0; x < line; x++) pixels[y * line + x] = (byte)MathF.Round(Math.Clamp(row[x], 0, 255));
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(between);
            ArrayPool<float>.Shared.Return(row);
        }
    }

    /// <summary>Mirrored at the middle of the border pixel, as often as it takes: …2 1 0 1 2….</summary>
    private static int Mirror(int place, int length)
    {
        if (length == 1) return 0;
        var period = 2 * (length - 1);
        var within = (place % period + period) % period;
        return within < length ? within : period - within;
    }
}
