namespace MetricLearning;

/// <summary>
/// The penalty of a <see cref="MetricLearning.Regularizer"/> on the embeddings themselves, as a loss to add to others with a small weight.
/// </summary>
/// <remarks>To penalize class vectors, see <see cref="ClassLoss.WeightRegularizer"/>. Labels do not matter.</remarks>
public sealed class RegularizerLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="regularizer">The penalty, such as <c>Regularizer.Lp()</c> or <c>Regularizer.ZeroMean</c>.</param>
    /// <exception cref="ArgumentNullException">The regularizer is null.</exception>
    public RegularizerLoss(Regularizer regularizer) : base(nameof(RegularizerLoss))
    {
        ArgumentNullException.ThrowIfNull(regularizer);
        Regularizer = regularizer;
    }

    /// <summary>The penalty.</summary>
    public Regularizer Regularizer { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows > 0) yield return new(Regularizer.Penalty(batch.Embeddings));
    }
}
