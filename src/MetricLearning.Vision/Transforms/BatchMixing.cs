using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Mixes the images of a batch with each other, and their labels with the same weights. No transform does this: call it in the
/// training loop.</summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once, each with its own <see cref="SeededRandom"/>.</remarks>
public abstract class BatchMixing
{
    private protected BatchMixing(double alpha) => Alpha = Guard.Positive(alpha);

    /// <summary>The parameter of Beta(α, α), from which the share is drawn.</summary>
    public double Alpha { get; }

    /// <summary>Mixes a batch. The batch itself stays unchanged.</summary>
    /// <param name="images">The images [N, C, H, W], floating point, on any device.</param>
    /// <param name="labels">The labels [N], of any integer type, on the same device.</param>
    /// <param name="random">The random numbers for the share, the order and the place. Use a new stream in each step, for example
    /// <c>SeededRandom.ForStream(seed, epoch, step)</c>.</param>
    /// <exception cref="ArgumentException">An argument is null, or has another shape or type.</exception>
    public MixedBatch Apply(Tensor images, Tensor labels, SeededRandom random)
    {
        Guard.Alive(images);
        ArgumentNullException.ThrowIfNull(random);
        if (images.dim() != 4 || !images.is_floating_point())
            throw new ArgumentException(
                $"images must be [N, C, H, W], floating point, got {Guard.Shape(images)} {images.dtype}.", nameof(images));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        labels = Guard.Labels(labels, images.size(0));
        Guard.SameDevice(images, labels);
        long[] order = [.. Enumerable.Range(0, (int)images.size(0)).Select(i => (long)i)];
        random.Shuffle<long>(order);
        var places = tensor(order, ScalarType.Int64, images.device);
        var (mixed, weight) = Mix(images, images.index_select(0, places), RandomDistributions.Beta(random, Alpha), random);
        return new(mixed.DetachFromDisposeScope(), labels.clone().DetachFromDisposeScope(),
            labels.index_select(0, places).DetachFromDisposeScope(), weight);
    }

    /// <summary>Returns the mixed images and the share of the first image in them.</summary>
    private protected abstract (Tensor Images, double Weight) Mix(Tensor images, Tensor others, double share, SeededRandom random);
}
