using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of the batch against itself: logits <c>γ · x̂_i·x̂_j</c> over all rows j, the row itself among them; the target of a row is the
/// row whose number is the rank of its label among the batch's labels, ascending.
/// </summary>
/// <remarks>
/// To the letter of pytorch-metric-learning, and of layumi's Person_reID_baseline but for an ε in the norm: γ = 64, mean.
/// Mind what that target is: with one row a class, in ascending order of the labels, it is the row itself; otherwise it is a row that need not be
/// of the class, so that the value changes with the order of the batch. It is here so that such recipes can be met. Needs no pairs.
/// Zheng et al., <i>Dual-Path Convolutional Image-Text Embeddings with Instance Loss</i>, TOMM 2020, has a learned classifier in place of the batch.
/// </remarks>
public sealed class InstanceLoss : MetricLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="scale">γ above 0; 64 by default.</param>
    public InstanceLoss(double scale = 64) : base(nameof(InstanceLoss)) => Scale = Guard.Positive(scale);

    /// <summary>γ.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Rows == 0) yield break;
        var labels = batch.Labels ?? throw new InvalidOperationException("InstanceLoss needs labels, and tuples were given.");
        var unit = RowMath.Unit(batch.Embeddings);
        var ranks = labels.unique(sorted: true, return_inverse: true).inverse_indices!;
        var costs = cross_entropy(Scale * unit.matmul(unit.t()), ranks, reduction: nn.Reduction.None);
        yield return new(costs, arange(batch.Rows, ScalarType.Int64, costs.device));
    }
}
