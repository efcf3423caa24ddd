using static TorchSharp.torch;

namespace MetricLearning.Vision;

/// <summary>Does a step or leaves it, as torchvision's RandomApply.</summary>
/// <param name="step">A step that keeps the size.</param>
/// <param name="probability">How likely it is done, in [0, 1].</param>
public sealed class RandomApply(PixelStep step, double probability = 0.5) : PixelStep
{
    /// <summary>The step.</summary>
    public PixelStep Step { get; } = step ?? throw new ArgumentNullException(nameof(step));

    /// <summary>How likely it is done.</summary>
    public double Probability { get; } = Guard.Within(probability, 0, 1);

    /// <inheritdoc/>
    public override bool WorksOnBatches => Step.WorksOnBatches;

    /// <inheritdoc/>
    public override (int Height, int Width)? SizeAfter((int Height, int Width)? before) =>
        Step.SizeAfter(before) == before ? before : null;

    /// <inheritdoc/>
    public override void Apply(Picture picture, SeededRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (random.NextDouble() < Probability) Step.Apply(picture, random);
    }

    /// <inheritdoc/>
    protected internal override Tensor ApplyToBatch(Tensor images, IReadOnlyList<SeededRandom> random)
    {
        var chosen = PictureBatches.Chosen(random, Probability);
        return PictureBatches.Change(images, chosen, some => Step.ApplyToBatch(some, [.. chosen.Select(i => random[i])]));
    }
}
