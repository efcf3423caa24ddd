using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Pastes a rectangle of another image at the same place; the rectangle is the same for the whole batch. The weight is the share
/// of the pixels that stay. Yun et al., <i>CutMix</i>, ICCV 2019.</summary>
/// <remarks>λ is drawn from Beta(α, α). The rectangle has the image's aspect ratio and 1 − λ of its area. Its center is uniform, and the
/// part that lies outside of the image is cut off.</remarks>
/// <param name="alpha">The parameter α of the distribution, greater than 0. Default: 1.</param>
/// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is not finite and greater than 0.</exception>
public sealed class CutMix(double alpha = 1) : BatchMixing(alpha)
{
    private protected override (Tensor Images, double Weight) Mix(Tensor images, Tensor others, double share, SeededRandom random)
    {
        var (height, width) = ((int)images.size(2), (int)images.size(3));
        var side = Math.Sqrt(1 - share);
        var (tall, wide) = ((int)(height * side), (int)(width * side));
        var (y, x) = (random.NextInt(height), random.NextInt(width));
        var (top, bottom) = (Math.Clamp(y - tall / 2, 0, height), Math.Clamp(y + tall / 2, 0, height));
        var (left, right) = (Math.Clamp(x - wide / 2, 0, width), Math.Clamp(x + wide / 2, 0, width));
        var result = images.clone();
        Rectangle(result).copy_(Rectangle(others));
        return (result, 1 - (double)(bottom - top) * (right - left) / ((double)height * width));

        Tensor Rectangle(Tensor batch) => batch.narrow(2, top, bottom - top).narrow(3, left, right - left);
    }
}
