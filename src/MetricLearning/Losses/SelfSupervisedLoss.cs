using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on tuples without labels: the two views of a row are each other's positives, the views of other rows
/// negatives.</summary>
/// <remarks>
/// Symmetric, which is the default, both views are one batch of 2N rows in which everyone meets everyone else (SimCLR's NT-Xent with that
/// loss); otherwise the first view meets the second only. As pytorch-metric-learning's SelfSupervisedLoss.
/// </remarks>
public sealed class SelfSupervisedLoss : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly TupleLoss loss;

    /// <summary>Wraps a loss.</summary>
    /// <param name="loss">The loss, which this takes over.</param>
    public SelfSupervisedLoss(TupleLoss loss) : base(nameof(SelfSupervisedLoss))
    {
        ArgumentNullException.ThrowIfNull(loss);
        this.loss = loss;
        RegisterComponents();
    }

    /// <summary>Whether both views are one batch; true by default.</summary>
    public bool Symmetric { get; init; } = true;

    /// <summary>The loss of two views.</summary>
    /// <param name="first">[N, D]; N may be 0.</param>
    /// <param name="second">[N, D]: other views of the same rows, in the same order, of the same type and device.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public override Tensor forward(Tensor first, Tensor second)
    {
        Guard.SameRows(first, second);
        using var scope = NewDisposeScope();
        var rows = Iota(first.size(0), first.device);
        return (Symmetric ? loss.call(cat([first, second]), cat([rows, rows]))
                : loss.forward(first, rows, second, rows)).MoveToOuterDisposeScope();
    }
}
