using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The base class of losses that learn from pairs with a given similarity, such as the ratings of people.</summary>
/// <remarks>
/// To add a loss, derive from this class and write <see cref="Compare"/>. Half precision is computed in float32; float64 stays float64. A
/// NaN or an infinity in a row or in a similarity gives NaN. It takes similarities and no labels, so it cannot be a part of a
/// <see cref="LossSum"/>.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors.</para>
/// </remarks>
public abstract class GradedPairLoss : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    /// <summary>Names the module.</summary>
    protected GradedPairLoss(string name) : base(name) { }

    /// <summary>Computes the loss of pairs.</summary>
    /// <param name="first">The first row of each pair, [N, D], floating point; N may be 0.</param>
    /// <param name="second">The second row of each pair, [N, D], of the same type and on the same device.</param>
    /// <param name="similarities">How similar the two rows of each pair are to be, [N], on the same device: floating point, integers or
    /// bool. Greater is more similar. No gradient flows into it.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 rows), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    public sealed override Tensor forward(Tensor first, Tensor second, Tensor similarities)
    {
        Guard.InUse(this);
        Guard.SameRows(first, second);
        RequireSimilarities(first, similarities);
        using var scope = NewDisposeScope();
        var given = similarities.detach();
        var value = Returned.Shape(Compare(RowMath.Widen(first), RowMath.Widen(second), given), this, nameof(Compare));
        if (given.is_floating_point()) value = value.Plus(RowMath.NaNWhereNotFinite(given).to(value.dtype));
        return value.MoveToOuterDisposeScope();
    }

    /// <summary>Computes the loss: rows [N, D], float32 or float64, and similarities [N] of any type but complex → a scalar with gradient;
    /// N may be 0. The caller frees tensors that are created here.</summary>
    protected abstract Tensor Compare(Tensor first, Tensor second, Tensor similarities);

    private static void RequireSimilarities(Tensor first, Tensor similarities)
    {
        Guard.Alive(similarities);
        if (similarities.dim() != 1 || similarities.size(0) != first.size(0))
            throw new ArgumentException($"similarities must be [{first.size(0)}], one number for each pair, got "
                + $"{Guard.Shape(similarities)}.", nameof(similarities));
        if (similarities.is_complex())
            throw new ArgumentException($"similarities must be real numbers, got {similarities.dtype}.", nameof(similarities));
        Guard.SameDevice(first, similarities);
    }
}
