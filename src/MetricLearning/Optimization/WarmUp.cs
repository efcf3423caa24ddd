namespace MetricLearning;

/// <summary>A warm-up: at the start of training a factor multiplies the schedule's learning rate, usually to make it smaller.</summary>
/// <remarks>
/// <para>With a = t/T the part of the warm-up that is done and w its first factor, the factor is <c>w(1 − a) + a</c> (linear), <c>w</c>
/// (constant) or <c>w^(1 − a)</c> (exponential), as in reid-strong-baseline and fast-reid.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record WarmUp
{
    private WarmUp(TrainingSpan length, double factor, Func<double, double, double> shape)
    {
        Length = length;
        StartFactor = Guard.Positive(factor, nameof(factor));
        this.shape = shape;
    }

    private readonly Func<double, double, double> shape;

    /// <summary>How long it lasts.</summary>
    public TrainingSpan Length { get; }

    /// <summary>The factor that it starts with, above 0.</summary>
    public double StartFactor { get; }

    /// <summary>Creates a warm-up from <paramref name="factor"/> to 1 in a straight line. Bag of Tricks: 10 epochs from 0.01; fast-reid:
    /// 2,000 iterations from 0.1.</summary>
    /// <param name="length">How long it lasts.</param>
    /// <param name="factor">w, the first factor, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not a positive number.</exception>
    public static WarmUp Linear(TrainingSpan length, double factor = 0.01) => new(length, factor, static (w, a) => w * (1 - a) + a);

    /// <summary>Creates a warm-up with <paramref name="factor"/> for the whole length, then 1.</summary>
    /// <param name="length">How long it lasts.</param>
    /// <param name="factor">w, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not a positive number.</exception>
    public static WarmUp Constant(TrainingSpan length, double factor = 0.01) => new(length, factor, static (w, _) => w);

    /// <summary>Creates a warm-up from <paramref name="factor"/> to 1 by equal ratios.</summary>
    /// <param name="length">How long it lasts.</param>
    /// <param name="factor">w, the first factor, above 0. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is not a positive number.</exception>
    public static WarmUp Exponential(TrainingSpan length, double factor = 0.01) => new(length, factor, static (w, a) => Math.Pow(w, 1 - a));

    internal double FactorAt(TrainingPosition position) =>
        position.IsPast(Length) ? 1 : shape(StartFactor, position.In(Length) / Length.Amount);
}
