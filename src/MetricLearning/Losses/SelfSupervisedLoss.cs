using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on tuples without labels: the two views of a row are each other's positives, the views of other rows are
/// negatives.</summary>
/// <remarks>
/// Symmetric, which is the default, both views are one batch of 2N rows in which every row meets all others (SimCLR's NT-Xent with
/// <see cref="NTXentLoss"/>); otherwise the first view meets the second only. As pytorch-metric-learning's SelfSupervisedLoss.
/// <para>Thread safety: as the wrapped loss.</para>
/// </remarks>
public sealed class SelfSupervisedLoss : ViewLoss
{
    private readonly TupleLoss loss;

    /// <summary>Wraps a loss.</summary>
    /// <param name="loss">The loss, which this takes over.</param>
    /// <exception cref="ArgumentNullException">The loss is null.</exception>
    public SelfSupervisedLoss(TupleLoss loss) : base(nameof(SelfSupervisedLoss))
    {
        ArgumentNullException.ThrowIfNull(loss);
        this.loss = loss;
        RegisterComponents();
    }

    /// <summary>Whether both views are one batch. Default: true.</summary>
    public bool Symmetric { get; init; } = true;

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var rows = Iota(first.size(0), first.device);
        return Symmetric ? loss.call(cat([first, second]), cat([rows, rows])) : loss.forward(first, rows, second, rows);
    }
}
