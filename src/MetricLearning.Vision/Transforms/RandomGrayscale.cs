using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Makes the image gray, in all three channels: torchvision's RandomGrayscale, with Pillow's brightness (0.299 R + 0.587 G + 0.114
/// B, rounded).</summary>
/// <remarks>With probability 1 it is torchvision's <c>Grayscale(3)</c>. For batches of one channel see
/// <see cref="Normalize.Gray"/>.</remarks>
/// <param name="probability">The probability that an image becomes gray, in [0, 1]. Default: 0.1.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not in [0, 1].</exception>
public sealed class RandomGrayscale(double probability = 0.1) : PixelStep
{
    /// <summary>The probability that an image becomes gray.</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override bool IsRandom => Probability < 1;

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (!IsRandom || random.NextDouble() < Probability) PillowColor.Gray(picture);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        IsRandom ? BatchOperations.Change(images, BatchOperations.Chosen(random, Probability), BatchColor.Gray) : BatchColor.Gray(images);
}
