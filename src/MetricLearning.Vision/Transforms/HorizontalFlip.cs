using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Mirrors the image left to right, with a probability.</summary>
/// <param name="probability">The probability that an image is mirrored, in [0, 1]. Default: 0.5.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not in [0, 1].</exception>
public sealed class HorizontalFlip(double probability = 0.5) : PixelStep
{
    /// <summary>The probability that an image is mirrored.</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() >= Probability) return;
        var pixels = MemoryMarshal.Cast<byte, uint>(picture.Pixels);
        for (var y = 0; y < picture.Height; y++) pixels.Slice(y * picture.Width, picture.Width).Reverse();
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        BatchOperations.Change(images, BatchOperations.Chosen(random, Probability), some => some.flip(3));
}
