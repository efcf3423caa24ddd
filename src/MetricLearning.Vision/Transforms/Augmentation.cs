namespace MetricLearning.Vision;

/// <summary>The operations that AutoAugment, RandAugment and AugMix choose from.</summary>
internal enum Augmentation
{
    Identity, ShearX, ShearY, TranslateX, TranslateY, Rotate, Brightness, Color, Contrast, Sharpness, Posterize, Solarize, AutoContrast,
    Equalize, Invert,
}

/// <summary>What a level means for each operation: torchvision's tables, with Pillow's operations.</summary>
/// <param name="Bins">The number of levels.</param>
/// <param name="Translation">The largest shift, as a share of the side.</param>
/// <param name="MostBits">The number of bits that posterizing keeps at level 0; at the highest level it keeps four fewer.</param>
internal readonly record struct AugmentationSpace(int Bins, double Translation, int MostBits)
{
    /// <summary>The table of AutoAugment and, with 31 bins, of RandAugment.</summary>
    public static AugmentationSpace Of(int bins) => new(bins, 150.0 / 331, 8);

    /// <summary>The table of AugMix.</summary>
    public static AugmentationSpace OfAugMix { get; } = new(10, 1.0 / 3, 4);

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
            case Augmentation.Brightness: PillowColor.Brightness(picture, 1 + sign * 0.9 * share); break;
            case Augmentation.Color: PillowColor.Saturation(picture, 1 + sign * 0.9 * share); break;
            case Augmentation.Contrast: PillowColor.Contrast(picture, 1 + sign * 0.9 * share); break;
            case Augmentation.Sharpness: PillowColor.Sharpness(picture, 1 + sign * 0.9 * share); break;
            case Augmentation.Posterize: PillowColor.Posterize(picture, MostBits - (int)Math.Round(4 * share)); break;
            case Augmentation.Solarize: PillowColor.Solarize(picture, (float)(255 * (1 - share))); break;
            case Augmentation.AutoContrast: PillowColor.AutoContrast(picture); break;
            case Augmentation.Equalize: PillowColor.Equalize(picture); break;
            case Augmentation.Invert: PillowColor.Invert(picture); break;
        }
    }
}
