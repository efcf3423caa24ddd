namespace MetricLearning;

/// <summary>
/// Treats every row of the batch as a class of its own: <c>−log softmax_j(γ·cos(x_i, x_j))_i</c>. If references are given, row i of the
/// references is the second view of row i, and x_j is row j of the references.
/// </summary>
/// <remarks>
/// Labels do not matter: rows of one class are pushed apart too, unless <see cref="Target"/> says otherwise. Default: γ = 64, mean over the
/// rows. This is the form within a batch of Zheng et al., <i>Dual-Path Convolutional Image-Text Embeddings with Instance Loss</i>, TOMM
/// 2020. The paper itself learns a vector for each instance; that is <see cref="SoftmaxLoss"/> with a class for each instance.
/// </remarks>
public sealed class InstanceLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="scale">The scale γ, above 0. Default: 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public InstanceLoss(double scale = 64) : base(nameof(InstanceLoss)) => Scale = Guard.Positive(scale);

    /// <summary>The scale γ.</summary>
    public double Scale { get; }

    /// <summary>The column that counts as a row's own. Default: the row itself.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not defined.</exception>
    public InstanceTarget Target { get; init => field = Guard.Defined(value); }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows == 0) yield break;
        var rows = Iota(batch.Rows, batch.Embeddings.device);
        var targets = rows;
        if (Target == InstanceTarget.ClassRank)
        {
            if (!batch.MeetsItself || batch.Labels is null)
                throw new InvalidOperationException("InstanceTarget.ClassRank needs labels and a batch without references.");
            targets = batch.Labels.unique(return_inverse: true).inverse_indices!;
        }
        else if (batch.Columns != batch.Rows)
        {
            throw new ArgumentException(
                $"references must be the {batch.Rows} second views of the batch, got {batch.Columns}.", nameof(batch));
        }
        // The cosine is 1 − d. The 1 is the same in all columns, so it cancels in a cross entropy.
        yield return new(new ClassLogits(new ClassScores(batch.Distances(Distance.Cosine).Matrix), -Scale).Costs(targets), rows);
    }
}
