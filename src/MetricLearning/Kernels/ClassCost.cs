using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cost of a row as a function of its own logit and of the numbers that <see cref="ClassSums"/> gives for its other
/// classes.</summary>
/// <remarks>Both methods compute the same formula: one for a row, in float64, for the kernel; the other by tensor operations, for second
/// derivatives, other devices, and own logits that tensor operations compute.</remarks>
internal abstract class ClassCost
{
    /// <summary>Whether the cost depends on the sum of the other logits. If it does not, the kernel does not compute the sum.</summary>
    public abstract bool UsesSum { get; }

    /// <summary>The cost of a row and its derivatives.</summary>
    /// <param name="own">The logit of the own class.</param>
    /// <param name="top">The maximum of the other logits, which has no derivative.</param>
    /// <param name="logSum">The log-sum-exp of the other logits after the maximum is subtracted.</param>
    /// <param name="sum">The sum of the other logits, each minus the maximum; 0 if <see cref="UsesSum"/> is false.</param>
    /// <param name="classes">C.</param>
    public abstract RowCost At(double own, double top, double logSum, double sum, long classes);

    /// <summary>The costs of rows by tensor operations, with gradient: four times [N] → [N], in the type of the arguments.</summary>
    /// <param name="own">The logits of the own classes.</param>
    /// <param name="top">As in <see cref="At"/>.</param>
    /// <param name="logSum">As in <see cref="At"/>.</param>
    /// <param name="sum">As in <see cref="At"/>.</param>
    /// <param name="classes">C.</param>
    public abstract Tensor Plain(Tensor own, Tensor top, Tensor logSum, Tensor sum, long classes);
}
