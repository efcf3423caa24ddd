using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A step on the normalized values. Derive from it to write your own.</summary>
public abstract class PlaneStep : ImageStep
{
    /// <summary>Changes the values of one image in place.</summary>
    /// <param name="planes">The normalized values.</param>
    /// <param name="random">The random numbers of this image.</param>
    public abstract void Apply(ImagePlanes planes, SeededRandom random);

    /// <summary>Does to each image of a batch, in place, what <see cref="Apply"/> does to one image. Override it together with
    /// <see cref="ImageStep.WorksOnBatches"/>. It runs within a dispose scope.</summary>
    /// <param name="images">The images [N, C, H, W], float32, on any device.</param>
    /// <param name="random">The random numbers of each image: draw from them as <see cref="Apply"/> does.</param>
    /// <param name="normalization">How the values were normalized.</param>
    /// <exception cref="NotSupportedException">The step does not work on batches.</exception>
    protected internal virtual void ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random, Normalize normalization) =>
        throw new NotSupportedException($"{GetType().Name} does not work on batches.");
}
