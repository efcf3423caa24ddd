using System.Buffers;

namespace MetricLearning.Vision;

/// <summary>A random mixture of the picture and of chains of random operations on it. Hendrycks et al., <i>AugMix</i>, ICLR 2020, as
/// torchvision has it.</summary>
/// <remarks>
/// <c>(1 − m) x + m Σ wᵢ chainᵢ(x)</c>, m from Beta(α, α), w from Dirichlet(α, …, α), cut off to whole numbers; each operation at a random
/// level below the severity, of ten. Operations: shears, shifts of up to a third, rotation, posterising to 4 bits and fewer, solarising,
/// automatic contrast, equalising; with <see cref="AllOperations"/> also brightness, color, contrast and sharpness. They are Pillow's;
/// torchvision's own are those on tensors.
/// </remarks>
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
    /// <param name="severity">Levels are drawn below it, in [1, 10].</param>
    /// <param name="width">The number of chains.</param>
    /// <param name="depth">The length of each chain; 0 for a random one of 1 to 3.</param>
    /// <param name="alpha">The parameter of both distributions.</param>
    /// <param name="allOperations">Whether to use the four that ImageNet-C's corruptions resemble.</param>
    public AugMix(int severity = 3, int width = 3, int depth = 0, double alpha = 1, bool allOperations = true)
    {
        Severity = (int)Guard.Within(severity, 1, 10);
        Width = Guard.AtLeast(width, 1);
        Depth = Guard.AtLeast(depth, 0);
        Alpha = Guard.Positive(alpha);
        AllOperations = allOperations;
    }

    /// <summary>Levels are drawn below it.</summary>
    public int Severity { get; }

    /// <summary>The number of chains.</summary>
    public int Width { get; }

    /// <summary>The length of each chain; 0 for a random one of 1 to 3.</summary>
    public int Depth { get; }

    /// <summary>The parameter of both distributions.</summary>
    public double Alpha { get; }

    /// <summary>Whether brightness, color, contrast and sharpness take part.</summary>
    public bool AllOperations { get; }

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(random);
        var operations = AllOperations ? all : plain;
        Span<double> weights = Width <= 64 ? stackalloc double[Width] : new double[Width];
        Draws.Dirichlet(random, Alpha, weights);
        var share = Draws.Beta(random, Alpha);
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
            // The shares add up to 1 but for rounding, which must not cost a level.
            for (var i = 0; i < length; i++) result[i] = (byte)Math.Clamp(mix[i] + 1e-3f, 0, 255);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(original);
            ArrayPool<float>.Shared.Return(mix);
        }
    }
}
