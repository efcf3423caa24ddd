using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Changes brightness, contrast, saturation and hue in random order, each by a random amount. This is torchvision's ColorJitter on
/// a Pillow image; each operation matches bit for bit.</summary>
/// <remarks>Factors are uniform in [max(0, 1 − s), 1 + s] for a strength s. The shift of the hue is uniform in [−h, h] of the color circle.
/// An operation of strength 0 is left out. torchreid uses 0.2, 0.15, 0, 0. fast-reid uses 0.15, 0.15, 0.1, 0.1 within a
/// <see cref="RandomApply"/> of probability 0.5, and SimCLR uses 0.8, 0.8, 0.8, 0.2 within one of probability 0.8.</remarks>
public sealed class ColorJitter : PixelStep
{
    /// <summary>Jitters with these strengths.</summary>
    /// <param name="brightness">The strength of the change of brightness, 0 or more. Default: 0.</param>
    /// <param name="contrast">The strength of the change of contrast, 0 or more. Default: 0.</param>
    /// <param name="saturation">The strength of the change of saturation, 0 or more. Default: 0.</param>
    /// <param name="hue">The largest shift of the hue, in [0, 0.5]. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public ColorJitter(double brightness = 0, double contrast = 0, double saturation = 0, double hue = 0)
    {
        Brightness = Guard.NotNegative(brightness);
        Contrast = Guard.NotNegative(contrast);
        Saturation = Guard.NotNegative(saturation);
        Hue = Guard.Within(hue, 0, 0.5);
    }

    /// <summary>The strength of the change of brightness.</summary>
    public double Brightness { get; }

    /// <summary>The strength of the change of contrast.</summary>
    public double Contrast { get; }

    /// <summary>The strength of the change of saturation.</summary>
    public double Saturation { get; }

    /// <summary>The largest shift of the hue, as a share of the color circle.</summary>
    public double Hue { get; }

    /// <summary>True if <see cref="Hue"/> is 0: the hue of whole batches cannot be shifted.</summary>
    public override bool WorksOnBatches => Hue == 0;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        foreach (var (operation, amount) in Draw(random))
            switch (operation)
            {
                case 0: PillowColor.Brightness(picture, amount); break;
                case 1: PillowColor.Contrast(picture, amount); break;
                case 2: PillowColor.Saturation(picture, amount); break;
                default: PillowColor.Hue(picture, amount); break;
            }
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var drawn = random.Select(Draw).ToArray();
        for (var turn = 0; drawn.Length > 0 && turn < drawn[0].Length; turn++)
            foreach (var operation in drawn.Select((own, i) => (own[turn].Operation, own[turn].Amount, Image: i))
                .GroupBy(own => own.Operation))
                images = BatchOperations.Change(images, [.. operation.Select(own => own.Image)], some =>
                {
                    var factors = tensor(operation.Select(own => (float)own.Amount).ToArray(), ScalarType.Float32, some.device)
                        .view(-1, 1, 1, 1);
                    return operation.Key switch
                    {
                        0 => BatchColor.Brightness(some, factors),
                        1 => BatchColor.Contrast(some, factors),
                        _ => BatchColor.Saturation(some, factors),
                    };
                });
        return images;
    }

    /// <summary>Draws the operations in their order, each with its factor or shift.</summary>
    private (int Operation, double Amount)[] Draw(SeededRandom random)
    {
        int[] order = [0, 1, 2, 3];
        random.Shuffle<int>(order);
        double[] strengths = [Brightness, Contrast, Saturation, Hue];
        return [.. order.Where(operation => strengths[operation] > 0).Select(operation => (operation, operation == 3
            ? random.NextDouble(-Hue, Hue)
            : random.NextDouble(Math.Max(0, 1 - strengths[operation]), 1 + strengths[operation])))];
    }
}
