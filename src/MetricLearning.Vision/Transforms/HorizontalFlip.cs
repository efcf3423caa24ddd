using System.Runtime.InteropServices;

namespace MetricLearning.Vision;

/// <summary>Mirrors left and right, with a probability of 0.5 by default.</summary>
public sealed class HorizontalFlip(double probability = 0.5) : PixelStep
{
    /// <summary>How likely a picture is mirrored, in [0, 1].</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        if (random.NextDouble() >= Probability) return;
        var pixels = MemoryMarshal.Cast<byte, uint>(picture.Pixels);
        for (var y = 0; y < picture.Height; y++) pixels.Slice(y * picture.Width, picture.Width).Reverse();
    }
}
