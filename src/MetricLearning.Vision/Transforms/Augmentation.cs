namespace MetricLearning.Vision;

/// <summary>The operations that AutoAugment, RandAugment and AugMix choose from.</summary>
internal enum Augmentation
{
    Identity, ShearX, ShearY, TranslateX, TranslateY, Rotate, Brightness, Color, Contrast, Sharpness, Posterize, Solarize, AutoContrast,
    Equalize, Invert,
}

/// <summary>The strength of each operation at each level: torchvision's tables or fast-reid's, with Pillow's operations.</summary>
/// <param name="Bins">The number of levels.</param>
/// <param name="Translation">The largest shift, as a share of the side.</param>
/// <param name="MostBits">The number of bits that posterizing keeps at its weakest; at its strongest it keeps four fewer.</param>
/// <param name="Rising">If true, posterizing and solarizing get weaker as the level rises and the factor of colors rises from 0.1 to 1.9,
/// as in the paper. Otherwise all operations get stronger as the level rises.</param>
internal readonly record struct AugmentationSpace(int Bins, double Translation, int MostBits, bool Rising = false)
{
    /// <summary>The table of AutoAugment and, with 31 bins, of RandAugment.</summary>
    public static AugmentationSpace Of(int bins) => new(bins, 150.0 / 331, 8);

    /// <summary>The table of AugMix.</summary>
    public static AugmentationSpace OfAugMix { get; } = new(10, 1.0 / 3, 4);

    /// <summary>The table of fast-reid since version 1.1: levels 0 to 10 by tenths.</summary>
    public static AugmentationSpace OfFastReId { get; } = new(11, 0.45, 8, Rising: true);

    /// <summary>Applies an operation at a level, in a random direction if it has two directions.</summary>
    public void Apply(Picture picture, Augmentation operation, int level, SeededRandom random, Interpolation interpolation, Rgb fill)
    {
        var share = (double)level / (Bins - 1);
        var sign = operation is >= Augmentation.ShearX and <= Augmentation.Sharpness && random.NextInt(2) == 0 ? -1 : 1;
        switch (operation)
        {
            case Augmentation.ShearX: Warp.Apply(picture, [1, sign * 0.3 * share, 0, 0, 1, 0], interpolation, fill); break;
            case Augmentation.ShearY: Warp.Apply(picture, [1, 0, 0, sign * 0.3 * share, 1, 0], interpolation, fill); break;
            case Augmentation.TranslateX:
                Warp.Apply(picture, [1, 0, -sign * Math.Truncate(Translation * picture.Width * share), 0, 1, 0], interpolation, fill);
                break;
            case Augmentation.TranslateY:
                Warp.Apply(picture, [1, 0, 0, 0, 1, -sign * Math.Truncate(Translation * picture.Height * share)], interpolation, fill);
                break;
            case Augmentation.Rotate: Warp.Rotate(picture, sign * 30 * share, interpolation, fill); break;
            case Augmentation.Brightness: PillowColor.Brightness(picture, Factor(share, sign)); break;
            case Augmentation.Color: PillowColor.Saturation(picture, Factor(share, sign)); break;
            case Augmentation.Contrast: PillowColor.Contrast(picture, Factor(share, sign)); break;
            case Augmentation.Sharpness: PillowColor.Sharpness(picture, Factor(share, sign)); break;
            case Augmentation.Posterize: PillowColor.Posterize(picture, Bits(share)); break;
            case Augmentation.Solarize: PillowColor.Solarize(picture, Threshold(share)); break;
            case Augmentation.AutoContrast: PillowColor.AutoContrast(picture); break;
            case Augmentation.Equalize: PillowColor.Equalize(picture); break;
            case Augmentation.Invert: PillowColor.Invert(picture); break;
        }
    }

    private double Factor(double share, int sign) => Rising ? share * 1.8 + 0.1 : 1 + sign * 0.9 * share;

    private int Bits(double share) => Rising ? MostBits - 4 + (int)(share * 4) : MostBits - (int)Math.Round(4 * share);

    private double Threshold(double share) => Rising ? (int)(share * 256) : (float)(255 * (1 - share));
}
