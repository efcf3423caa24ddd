using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The images that a network accepts.</summary>
/// <param name="Network">Its name, for messages.</param>
/// <param name="Channels">The channels of an image.</param>
/// <param name="MinimumSize">The smallest height and width in pixels.</param>
/// <param name="Weight">A weight, whose type and device the images must have; null if there is none.</param>
internal readonly record struct ImageRequirements(string Network, long Channels, long MinimumSize, Tensor? Weight)
{
    /// <summary>Refuses other images.</summary>
    /// <exception cref="ArgumentException">The message says what is wrong.</exception>
    public void Require(Tensor images)
    {
        Guard.Alive(images);
        if (images.dim() != 4 || images.size(0) == 0 || images.size(1) != Channels)
            throw new ArgumentException($"images must be [N, {Channels}, H, W] with N of at least 1, got {Guard.Shape(images)}.",
                nameof(images));
        if (images.size(2) < MinimumSize || images.size(3) < MinimumSize)
            throw new ArgumentException(
                $"images must be at least {MinimumSize} pixels high and wide for {Network}, got {Guard.Shape(images)}.", nameof(images));
        if (Weight is null) return;
        if (images.dtype != Weight.dtype)
            throw new ArgumentException($"images must be {Weight.dtype} as the weights of {Network}, got {images.dtype}.", nameof(images));
        if (images.device_type != Weight.device_type || images.device_index != Weight.device_index)
            throw new ArgumentException($"images must be on {Weight.device} as the weights of {Network}, got {images.device}.",
                nameof(images));
    }
}
