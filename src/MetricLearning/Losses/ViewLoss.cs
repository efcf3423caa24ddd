using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The base class of losses of two views of the same rows. They take no labels.</summary>
/// <remarks>
/// To add a loss, derive from this class and write <see cref="Compare"/>. Half precision is computed in float32; float64 stays float64. A
/// NaN or an infinity in a view gives NaN. It takes views and no labels, so it cannot be a part of a <see cref="LossSum"/>.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors.</para>
/// </remarks>
public abstract class ViewLoss : nn.Module<EmbeddingViews, Tensor>
{
    /// <summary>Names the module.</summary>
    protected ViewLoss(string name) : base(name) { }

    /// <summary>Computes the loss of two views.</summary>
    /// <param name="views">Two views of the same rows.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 views), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit, or labels were given as a view; the message prints
    /// it.</exception>
    public sealed override Tensor forward(EmbeddingViews views)
    {
        var (first, second) = views;
        RequireViews(first, second);
        using var scope = NewDisposeScope();
        return Returned.Shape(Compare(RowMath.Widen(first), RowMath.Widen(second)), this, nameof(Compare)).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the loss of two views.</summary>
    /// <param name="first">The first view [N, D], floating point; N may be 0.</param>
    /// <param name="second">The second view [N, D] of the same rows, in the same order, of the same type and on the same device.</param>
    /// <inheritdoc cref="forward(EmbeddingViews)"/>
    public Tensor forward(Tensor first, Tensor second) =>
        forward(new EmbeddingViews(Guard.NotNull(first), Guard.NotNull(second)));

    /// <summary>Computes the loss of two views, with the hooks of this module.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor)"/>
    public Tensor call(Tensor first, Tensor second) => call(new EmbeddingViews(Guard.NotNull(first), Guard.NotNull(second)));

    /// <summary>Computes the loss: two views, [N, D] each, float32 or float64 → a scalar with gradient; N may be 0. The caller frees
    /// tensors that are created here.</summary>
    protected abstract Tensor Compare(Tensor first, Tensor second);

    /// <summary>Whether both views must have the same number of columns.</summary>
    private protected virtual bool NeedsOneWidth => true;

    /// <summary>Requires two views of the same rows. Errors name the arguments of the caller.</summary>
    private protected void RequireViews(Tensor first, Tensor second, [CallerArgumentExpression(nameof(first))] string firstName = "",
        [CallerArgumentExpression(nameof(second))] string secondName = "")
    {
        Guard.InUse(this);
        Guard.Matrix(first, firstName);
        Guard.Alive(second, secondName);
        if (!second.is_floating_point())
            throw new ArgumentException($"{secondName} must be a second view of the rows, because this loss compares views, not labels; "
                + $"got {second.dtype} {Guard.Shape(second)}.", secondName);
        if (NeedsOneWidth) Guard.SameRows(first, second, firstName, secondName);
        else
        {
            Guard.Matrix(second, secondName);
            Guard.SameKind(first, second, firstName, secondName);
            Guard.SameCount(first, second, firstName, secondName);
        }
    }
}
