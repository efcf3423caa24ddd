using System.Buffers;

namespace MetricLearning.Vision;

/// <summary>Mixes the image with results of random chains of operations on it. Hendrycks et al., <i>AugMix</i>, ICLR 2020, as in
/// torchvision.</summary>
/// <remarks>The result is <c>(1 − m) x + m Σ wᵢ chainᵢ(x)</c>, truncated to whole numbers, with m from Beta(α, α) and w from
/// Dirichlet(α, …, α). There are ten levels; each operation has a random one below the severity. The operations are shears, shifts by up to
/// a third, rotation, posterizing to 4 bits and fewer, solarizing, automatic contrast and equalizing; with <see cref="AllOperations"/> also
/// brightness, color, contrast and sharpness. They are Pillow's operations on images; torchvision's AugMix uses its own operations on
/// tensors.</remarks>
public sealed class AugMix : PixelStep
{
    private static readonly Augmentation[] plain =
    [
        Augmentation.ShearX, Augmentation.ShearY, Augmentation.TranslateX, Augmentation.TranslateY, Augmentation.Rotate,
        Augmentation.Posterize, Augmentation.Solarize, Augmentation.AutoContrast, Augmentation.Equalize,
    ];

    private static readonly Augmentation[] all =
        [.. plain, Augmentation.Brightness, Augmentation.Color, Augmentation.Contrast, Augmentation.Sharpness];

    /// <summary>Mixes with this severity.</summary>
    /// <param name="severity">The severity, in [1, 10]; levels are drawn below it. Default: 3.</param>
    /// <param name="width">The number of chains, 1 or more. Default: 3.</param>
    /// <param name="depth">The length of each chain; 0 for a random length of 1 to 3. Default: 0.</param>
    /// <param name="alpha">The parameter of both distributions, greater than 0. Default: 1.</param>
    /// <param name="allOperations">Whether to use brightness, color, contrast and sharpness, which resemble the corruptions of ImageNet-C.
    /// Default: true.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public AugMix(int severity = 3, int width = 3, int depth = 0, double alpha = 1, bool allOperations = true)
    {
        Severity = (int)Guard.Within(severity, 1, 10);
        Width = Guard.AtLeast(width, 1);
        Depth = Guard.AtLeast(depth, 0);
        Alpha = Guard.Positive(alpha);
        AllOperations = allOperations;
    }

    /// <summary>The severity; levels are drawn below it.</summary>
    public int Severity { get; }

    /// <summary>The number of chains.</summary>
    public int Width { get; }

    /// <summary>The length of each chain; 0 for a random length of 1 to 3.</summary>
    public int Depth { get; }

    /// <summary>The parameter of both distributions.</summary>
    public double Alpha { get; }

    /// <summary>Whether brightness, color, contrast and sharpness are used.</summary>
    public bool AllOperations { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        var operations = AllOperations ? all : plain;
        Span<double> weights = Width <= 64 ? stackalloc double[Width] : new double[Width];
        RandomDistributions.Dirichlet(random, Alpha, weights);
        var share = RandomDistributions.Beta(random, Alpha);
        var length = picture.Pixels.Length;
        var original = ArrayPool<byte>.Shared.Rent(length);
        var mix = ArrayPool<float>.Shared.Rent(length);
        try
        {
            picture.Pixels.CopyTo(original);
            for (var i = 0; i < length; i++) mix[i] = (float)(1 - share) * original[i];
            foreach (var weight in weights)
            {
                original.AsSpan(0, length).CopyTo(picture.Pixels);
                for (var left = Depth > 0 ? Depth : 1 + random.NextInt(3); left > 0; left--)
                    AugmentationSpace.OfAugMix.Apply(picture, operations[random.NextInt(operations.Length)], random.NextInt(Severity),
                        random, Interpolation.Bilinear, Rgb.Black);
                var part = (float)(share * weight);
                var pixels = picture.Pixels;
                for (var i = 0; i < length; i++) mix[i] += part * pixels[i];
            }
            var result = picture.Pixels;
            // Because of rounding the shares may add up to a little less than 1. That must not lower a value by one.
            for (var i = 0; i < length; i++) result[i] = (byte)Math.Clamp(mix[i] + 1e-3f, 0, 255);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(original);
            ArrayPool<float>.Shared.Return(mix);
        }
    }
}
