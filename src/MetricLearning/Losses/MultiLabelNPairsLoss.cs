using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Compares anchors with positives if each row has several labels. The loss is the cross entropy of <c>softmax(a_i·p_j over j)</c>. The
/// target of j is its share of the labels that the rows have in common with i, <c>|L_i ∩ L_j| / Σ_k |L_i ∩ L_k|</c>.
/// </summary>
/// <remarks>
/// It uses the dot product of the rows as they are, and the mean over the rows that have a label. It follows TensorFlow Addons'
/// npairs_multilabel_loss, which is NaN if a row has no label. With one label per row it is TensorFlow Addons' npairs_loss. Without labeled
/// rows the loss is 0. Memory O(N²). Sohn, <i>Improved Deep Metric Learning with Multi-class N-pair Loss Objective</i>, NeurIPS 2016.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors.</para>
/// </remarks>
public sealed class MultiLabelNPairsLoss : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    public MultiLabelNPairsLoss() : base(nameof(MultiLabelNPairsLoss)) { }

    /// <summary>Computes the loss.</summary>
    /// <param name="anchors">The anchors [N, D], floating point; N may be 0.</param>
    /// <param name="positives">The positives [N, D], of the same type and device: the partner of each anchor, with the same labels.</param>
    /// <param name="memberships">bool or a number [N, L]: true or 1 if the row has the label, false or 0 elsewhere.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 embeddings), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor anchors, Tensor positives, Tensor memberships)
    {
        Guard.InUse(this);
        Guard.SameRows(anchors, positives);
        Guard.Alive(memberships);
        if (memberships.dim() != 2 || memberships.size(0) != anchors.size(0))
            throw new ArgumentException($"memberships must be [{anchors.size(0)}, L], got {Guard.Shape(memberships)}.",
                nameof(memberships));
        using var scope = NewDisposeScope();
        var (x, y) = (RowMath.Widen(anchors), RowMath.Widen(positives));
        if (x.size(0) == 0) return RowMath.NaNWhereNotFinite(x).Plus(RowMath.NaNWhereNotFinite(y)).MoveToOuterDisposeScope();
        var labels = memberships.to(x.device).to(x.dtype);
        var common = labels.matmul(labels.t());
        var total = common.sum(1, keepdim: true);
        var labeled = (total > S(0)).sum().clamp_min(S(1));
        // The sign and the mean belong to the targets, because these take no part in the backward pass.
        var targets = common / (total.clamp_min(S(1)) * -labeled);
        return SoftTargetSum.Of(x.matmul(y.t()), targets).MoveToOuterDisposeScope();
    }
}
