using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Applies a step with a probability. This is torchvision's RandomApply.</summary>
/// <param name="step">A step that keeps the size.</param>
/// <param name="probability">The probability that the step is applied, in [0, 1]. Default: 0.5.</param>
/// <exception cref="ArgumentException"><paramref name="step"/> is null, or <paramref name="probability"/> is not in [0, 1].</exception>
public sealed class RandomApply(PixelStep step, double probability = 0.5) : PixelStep
{
    /// <summary>The step.</summary>
    public PixelStep Step { get; } = Guard.NotNull(step);

    /// <summary>The probability that the step is applied.</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override bool WorksOnBatches => Step.WorksOnBatches;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) =>
        Step.SizeAfter(before) == before ? before : null;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        Require(picture, random);
        if (random.NextDouble() < Probability) Step.Apply(picture, random);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var chosen = BatchOperations.Chosen(random, Probability);
        return BatchOperations.Change(images, chosen, some => Step.ApplyToBatch(some, [.. chosen.Select(i => random[i])]));
    }
}
