using System.Globalization;

namespace MetricLearning;

/// <summary>
/// A length of training with its unit, epochs or iterations. Leaving the unit out is a common mistake: a warm-up of "10" means epochs in
/// Bag of Tricks, one of "2000" means iterations in fast-reid.
/// </summary>
/// <remarks>Thread safety: immutable; any number of threads may use it at once.</remarks>
public readonly record struct TrainingSpan
{
    private TrainingSpan(double amount, bool inEpochs)
    {
        Amount = amount;
        InEpochs = inEpochs;
    }

    /// <summary>A number of epochs; fractions are allowed.</summary>
    /// <param name="epochs">How many, at least 0 and finite.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative or not finite.</exception>
    public static TrainingSpan Epochs(double epochs) => new(Guard.NotNegative(epochs), true);

    /// <summary>A number of iterations (optimizer steps).</summary>
    /// <param name="iterations">How many, at least 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public static TrainingSpan Iterations(int iterations) => new(Guard.AtLeast(iterations, 0), false);

    /// <summary>The number of epochs or iterations.</summary>
    public double Amount { get; }

    /// <summary>True for epochs, false for iterations. The default span is 0 iterations.</summary>
    public bool InEpochs { get; }

    /// <summary>The span in iterations.</summary>
    /// <param name="iterationsPerEpoch">The number of iterations of an epoch, at least 1; not used if the span is in iterations. It is
    /// <see cref="Sampler.BatchesPerEpoch"/>, not <c>DataLoader.Count</c> of TorchSharp, which ignores the sampler.</param>
    /// <exception cref="ArgumentOutOfRangeException">The span is in epochs, and <paramref name="iterationsPerEpoch"/> is below
    /// 1.</exception>
    public double ToIterations(int iterationsPerEpoch) => InEpochs ? Amount * Guard.AtLeast(iterationsPerEpoch, 1) : Amount;

    /// <summary>"40 epochs" or "2000 iterations".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Amount} {(InEpochs ? "epochs" : "iterations")}");
}
