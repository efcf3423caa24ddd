using System.Globalization;

namespace MetricLearning;

/// <summary>
/// A length of training that says its unit, epochs or iterations. Recipes that leave the unit out are the classic mistake: a warm-up of
/// "10" is ten epochs in Bag of Tricks, one of "2000" is iterations in fast-reid.
/// </summary>
public readonly record struct TrainingSpan
{
    private TrainingSpan(double amount, bool inEpochs)
    {
        Amount = amount;
        InEpochs = inEpochs;
    }

    /// <summary>So many epochs; fractions are allowed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative or not finite.</exception>
    public static TrainingSpan Epochs(double epochs) => new(Guard.NotNegative(epochs), true);

    /// <summary>So many iterations (optimizer steps).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public static TrainingSpan Iterations(int iterations) => new(Guard.AtLeast(iterations, 0), false);

    /// <summary>How many, in its unit.</summary>
    public double Amount { get; }

    /// <summary>True for epochs, false for iterations. The default span is 0 iterations.</summary>
    public bool InEpochs { get; }

    /// <summary>The span in iterations, where each epoch has <paramref name="iterationsPerEpoch"/> of them.</summary>
    public double ToIterations(int iterationsPerEpoch) => InEpochs ? Amount * Guard.AtLeast(iterationsPerEpoch, 1) : Amount;

    /// <summary>"40 epochs" or "2000 iterations".</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Amount} {(InEpochs ? "epochs" : "iterations")}");
}
