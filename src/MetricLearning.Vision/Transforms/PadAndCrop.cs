using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Puts a black border around the image and cuts the original size out at a random place. So the image shifts by up to
/// <see cref="Padding"/> pixels in each direction. Luo et al., <i>Bag of Tricks</i>, CVPRW 2019, use 10.</summary>
/// <param name="padding">The width of the border in pixels, in [0, 2³⁰ − 1]. Default: 10.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="padding"/> is outside its range.</exception>
public sealed class PadAndCrop(int padding = 10) : PixelStep
{
    /// <summary>The width of the border in pixels.</summary>
    public int Padding { get; } = (int)Guard.Within(padding, 0, (1 << 30) - 1);

    /// <inheritdoc/>
    public override bool WorksOnBatches => true;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        var (top, left) = Place(random);
        Crop.Apply(picture, top, left, picture.Height, picture.Width);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random) =>
        Crop.Apply(images, [.. random.Select(Place)], (int)images.size(2), (int)images.size(3));

    private (int Top, int Left) Place(SeededRandom random)
    {
        var left = Padding - random.NextInt(2 * Padding + 1);
        return (Padding - random.NextInt(2 * Padding + 1), left);
    }
}
