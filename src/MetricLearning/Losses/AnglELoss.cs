using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Sorts pairs by their given similarities, as <see cref="CoSentLoss"/> does, but compares angles in the complex plane, whose gradient does
/// not vanish where rows are parallel: <c>log(1 + Σ exp(s·(a_j − a_i)))</c>, over all i and j of which pair i is to be more similar than
/// pair j.
/// </summary>
/// <remarks>
/// The first half of a row is the real part of D/2 complex numbers, and the second half is the imaginary part; an odd D counts as D + 1,
/// with a 0 at the end. With u and v the two rows of a pair at length 1, <c>a = |Re⟨u, v⟩ + Im⟨u, v⟩|</c>, which is
/// sentence-transformers' pairwise_angle_sim. Default: s = 20. A row of zeros has a = 0. A batch whose pairs are all equally similar has
/// the loss 0, and so have one pair and no pairs. The paper adds this loss to <see cref="CoSentLoss"/> and to a loss with the other rows of
/// the batch as negatives. Memory O(N² + N·D). Li and Li, <i>AnglE-optimized Text Embeddings</i>, ACL 2024; sentence-transformers'
/// AnglELoss. The sign in the paper's formula is reversed; this is the sign of its code.
/// </remarks>
public sealed class AnglELoss : GradedPairLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="scale">The scale s, above 0. Default: 20.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public AnglELoss(double scale = 20) : base(nameof(AnglELoss)) => Scale = Guard.Positive(scale);

    /// <summary>The scale s.</summary>
    public double Scale { get; }

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second, Tensor similarities) =>
        PairOrder.Cost(-Angles(RowMath.Unit(first), RowMath.Unit(second)), similarities, Scale);

    /// <summary>[N]: <c>|Re⟨u, v⟩ + Im⟨u, v⟩|</c> of rows of length 1.</summary>
    private static Tensor Angles(Tensor u, Tensor v)
    {
        if (v.size(1) % 2 > 0) (u, v) = (nn.functional.pad(u, [0, 1]), nn.functional.pad(v, [0, 1]));
        var half = v.size(1) / 2;
        var (real, imaginary) = (v.narrow(1, 0, half), v.narrow(1, half, half));
        return (u * cat([real - imaginary, imaginary.Plus(real)], 1)).sum(1).abs();
    }
}
