using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on tuples without labels. The two views of a row are positives of each other, and the views of other rows are
/// negatives.</summary>
/// <remarks>
/// If <see cref="Symmetric"/> is true (the default), both views are one batch of 2N rows in which every row is compared with all others
/// (SimCLR's NT-Xent with <see cref="NTXentLoss"/>). Otherwise the first view is compared only with the second. It follows
/// pytorch-metric-learning's SelfSupervisedLoss.
/// <para>Thread safety: that of the wrapped loss.</para>
/// </remarks>
public sealed class SelfSupervisedLoss : ViewLoss
{
    private readonly TupleLoss loss;

    /// <summary>Wraps a loss.</summary>
    /// <param name="loss">The loss. This module takes ownership of it.</param>
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
