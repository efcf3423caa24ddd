using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Mirrors left and right, with a probability of 0.5 by default.</summary>
public sealed class HorizontalFlip(double probability = 0.5) : PixelStep
{
    /// <summary>How likely a picture is mirrored, in [0, 1].</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        if (random.NextDouble() >= Probability) return;
        var pixels = MemoryMarshal.Cast<byte, uint>(picture.Pixels);
        for (var y = 0; y < picture.Height; y++) pixels.Slice(y * picture.Width, picture.Width).Reverse();
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        PictureBatches.Change(images, PictureBatches.Chosen(random, Probability), some => some.flip(3));
}
