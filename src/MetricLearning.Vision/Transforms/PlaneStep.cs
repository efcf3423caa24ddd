using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>A step on the normalized values. Derive from it to add your own.</summary>
public abstract class PlaneStep : ImageStep
{
    /// <summary>Changes the values in place.</summary>
    public abstract void Apply(Planes planes, SeededRandom random);

    /// <summary>Does to each picture of a batch, in place, what <see cref="Apply"/> does; override it together with
    /// <see cref="ImageStep.WorksOnBatches"/>. Runs within a dispose scope.</summary>
    /// <param name="images">[N, C, H, W] float32, on any device.</param>
    /// <param name="random">The random numbers of each picture: draw from them as <see cref="Apply"/> does.</param>
    /// <param name="normalization">How the values were normalized.</param>
    protected internal virtual void ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random, Normalize normalization) =>
        throw new NotSupportedException($"{GetType().Name} does not work on batches.");
}
