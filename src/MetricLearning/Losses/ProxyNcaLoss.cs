using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Neighborhood components with a proxy for each class: <c>−log(exp(−σd²(x, p_y)) / Σ_c exp(−σd²(x, p_c)))</c>, rows and proxies at length
/// 1.
/// </summary>
/// <remarks>
/// Default: σ = 1, the own proxy in the denominator, mean over the samples, as in pytorch-metric-learning's ProxyNCALoss;
/// <see cref="PlusPlus"/> is ProxyNCA++. Movshovitz-Attias et al., <i>No Fuss Distance Metric Learning using Proxies</i>, ICCV 2017, eq. 3,
/// leaves the own proxy out of the denominator: <see cref="OwnInDenominator"/>. Proxies need a greater learning rate than the network.
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="scale">The scale σ, above 0. Default: 1.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class ProxyNcaLoss(long classes, long dimension, double scale = 1)
    : ClassLoss(nameof(ProxyNcaLoss), classes, dimension)
{
    private readonly bool ownInDenominator = true;

    /// <summary>ProxyNCA++: the own proxy in the denominator and a temperature of 1/9. Teh et al., ECCV 2020, eq. 6.</summary>
    /// <param name="classes">The number of classes C, at least 1.</param>
    /// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
    /// <param name="temperature">The temperature 1/σ, above 0. Default: 1/9.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public static ProxyNcaLoss PlusPlus(long classes, long dimension, double temperature = 1.0 / 9) =>
        new(classes, dimension, 1 / Guard.Positive(temperature));

    /// <summary>The scale σ.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <summary>Whether the denominator includes the own proxy. Default: true. If not, the loss has no lower bound.</summary>
    /// <exception cref="ArgumentException">The value is false, and there is only one class.</exception>
    public bool OwnInDenominator
    {
        get => ownInDenominator;
        init => ownInDenominator = value || Classes > 1 ? value
            : throw new ArgumentException(
                "OwnInDenominator must be true if there is only one class: otherwise the denominator is empty.",
                nameof(OwnInDenominator));
    }

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(2 * Scale) * (Cosines(embeddings, weights) - S(1));

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(ClassScores.Cosines(embeddings, weights), 2 * Scale);

    /// <inheritdoc/>
    protected override bool IsCrossEntropy => OwnInDenominator;

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        if (OwnInDenominator) return base.ClassTerms(batch, labels, weights);
        ArgumentNullException.ThrowIfNull(batch);
        return [PerSample(TrainingLogits(batch.Embeddings, weights, labels).Costs(labels, new ForeignCost()))];
    }
}
