using static MetricLearning.Vision.Augmentation;

namespace MetricLearning.Vision;

/// <summary>Applies one of several pairs of operations that were found by search, each with its probability and strength. Cubuk et al.,
/// <i>AutoAugment</i>, CVPR 2019.</summary>
/// <remarks>The levels are those of torchvision's table (ten levels, 0 to 9) or of fast-reid's (tenths, 0 to 10). If an operation has two
/// directions, one is drawn at random. The operations match Pillow's bit for bit.</remarks>
public sealed class AutoAugment : PixelStep
{
    private static readonly Interpolation[] smooth = [Interpolation.Bilinear, Interpolation.Bicubic];

    // The same pairs in torchvision 0.10 and later, and in fast-reid 1.1 and later.
    private static readonly (Part, Part)[] imageNet =
    [
        (new(Posterize, 0.4, 8), new(Rotate, 0.6, 9)), (new(Solarize, 0.6, 5), new(AutoContrast, 0.6)),
        (new(Equalize, 0.8), new(Equalize, 0.6)), (new(Posterize, 0.6, 7), new(Posterize, 0.6, 6)),
        (new(Equalize, 0.4), new(Solarize, 0.2, 4)), (new(Equalize, 0.4), new(Rotate, 0.8, 8)),
        (new(Solarize, 0.6, 3), new(Equalize, 0.6)), (new(Posterize, 0.8, 5), new(Equalize, 1)),
        (new(Rotate, 0.2, 3), new(Solarize, 0.6, 8)), (new(Equalize, 0.6), new(Posterize, 0.4, 6)),
        (new(Rotate, 0.8, 8), new(Color, 0.4, 0)), (new(Rotate, 0.4, 9), new(Equalize, 0.6)),
        (new(Equalize, 0), new(Equalize, 0.8)), (new(Invert, 0.6), new(Equalize, 1)),
        (new(Color, 0.6, 4), new(Contrast, 1, 8)), (new(Rotate, 0.8, 8), new(Color, 1, 2)),
        (new(Color, 0.8, 8), new(Solarize, 0.8, 7)), (new(Sharpness, 0.4, 7), new(Invert, 0.6)),
        (new(ShearX, 0.6, 5), new(Equalize, 1)), (new(Color, 0.4, 0), new(Equalize, 0.6)),
        (new(Equalize, 0.4), new(Solarize, 0.2, 4)), (new(Solarize, 0.6, 5), new(AutoContrast, 0.6)),
        (new(Invert, 0.6), new(Equalize, 1)), (new(Color, 0.6, 4), new(Contrast, 1, 8)),
        (new(Equalize, 0.8), new(Equalize, 0.6)),
    ];

    private readonly (Part First, Part Second)[] policy;
    private readonly AugmentationSpace space;
    private readonly Interpolation[] interpolations;
    private readonly Rgb fill;

    private AutoAugment(double probability, (Part, Part)[] policy, AugmentationSpace space, Interpolation[] interpolations, Rgb fill)
    {
        Probability = Guard.Within(probability, 0, 1);
        (this.policy, this.space, this.interpolations, this.fill) = (policy, space, interpolations, fill);
    }

    /// <summary>The probability that an image is changed at all.</summary>
    public double Probability { get; }

    /// <summary>The 25 pairs found on ImageNet: torchvision's <c>AutoAugmentPolicy.IMAGENET</c>.</summary>
    /// <param name="probability">The probability that an image is changed at all, in [0, 1]. Default: 1.</param>
    /// <param name="interpolation">How pixels of rotated and sheared images are computed. Default:
    /// <see cref="Interpolation.Nearest"/>.</param>
    /// <param name="fill">The color of places outside of the image. Default: black.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static AutoAugment ImageNet(double probability = 1, Interpolation interpolation = Interpolation.Nearest, Rgb fill = default) =>
        new(probability, imageNet, AugmentationSpace.Of(10), [Guard.Defined(interpolation)], fill);

    /// <summary>The policy of fast-reid 1.1 (January 2021) and later: the same 25 pairs with levels in tenths. Places outside of the image
    /// become middle gray. By default an image is changed with probability 0.1.</summary>
    /// <remarks>At level i, s = i / 10: shear 0.3 s and rotation 30° s in a drawn direction, each bilinear or bicubic by a draw; color,
    /// contrast and sharpness by the factor 0.1 + 1.8 s; posterize to 4 + ⌊4 s⌋ bits; solarize at ⌊256 s⌋.</remarks>
    /// <param name="probability">The probability that an image is changed at all, in [0, 1]. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static AutoAugment FastReId(double probability = 0.1) =>
        new(probability, imageNet, AugmentationSpace.OfFastReId, smooth, Rgb.Gray);

    /// <summary>The policy of fast-reid's first version (2020): eight of those pairs, none of which rotates, inverts or solarizes. The
    /// levels are torchvision's, shears are bicubic, and places outside of the image become middle gray. By default an image is changed
    /// with probability 0.1.</summary>
    /// <param name="probability">The probability that an image is changed at all, in [0, 1]. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public static AutoAugment FastReId2020(double probability = 0.1) => new(probability,
        [
            (new(Equalize, 0.8), new(Equalize, 0.6)), (new(Posterize, 0.6, 7), new(Posterize, 0.6, 6)),
            (new(Posterize, 0.8, 5), new(Equalize, 1)), (new(Equalize, 0.6), new(Posterize, 0.4, 6)),
            (new(Equalize, 0), new(Equalize, 0.8)), (new(ShearX, 0.6, 5), new(Equalize, 1)),
            (new(Color, 0.4, 0), new(Equalize, 0.6)), (new(Equalize, 0.8), new(Equalize, 0.6)),
        ],
        AugmentationSpace.Of(10), [Interpolation.Bicubic], Rgb.Gray);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() >= Probability) return;
        var (first, second) = policy[random.NextInt(policy.Length)];
        Do(first);
        Do(second);

        void Do(Part part)
        {
            if (random.NextDouble() >= part.Probability) return;
            var interpolation = interpolations.Length == 1 ? interpolations[0] : interpolations[random.NextInt(interpolations.Length)];
            space.Apply(picture, part.Operation, part.Level, random, interpolation, fill);
        }
    }

    private readonly record struct Part(Augmentation Operation, double Probability, int Level = 0);
}
