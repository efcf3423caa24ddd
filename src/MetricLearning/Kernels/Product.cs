using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The matrix product x·yᵀ, [N, D] and [M, D] → [N, M], of distances, miners and class scores.</summary>
/// <remarks>
/// If a batch is compared with itself, the forward pass is half a product if <see cref="SelfProduct"/> supports the rows, and the
/// backward pass is one product, (g + gᵀ)·x, instead of two. Otherwise it is libtorch's <c>mm</c>. Kernels that need one tile at a time use
/// <see cref="TileProduct"/>. The rounding error is that of a dot product of D terms added in any order, γ_D Σ|xᵢ yᵢ|.
/// </remarks>
internal sealed class Product : autograd.SingleTensorFunction<Product>
{
    /// <inheritdoc/>
    public override string Name => nameof(Product);

    /// <summary>x·yᵀ with gradient. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    public static Tensor Of(Tensor x, Tensor y)
    {
        if (WithItself(x, y)) return apply(x, false);
        return ReferenceEquals(x, y) && SelfProduct.Supports(x) ? SelfProduct.Of(x) : Plain(x, y);
    }

    /// <summary>1 − x·yᵀ with gradient. If a batch is compared with itself, it is written over the product. The caller disposes
    /// it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    public static Tensor OneMinus(Tensor x, Tensor y)
    {
        if (WithItself(x, y)) return apply(x, true);
        using var product = Of(x, y);
        return S(1) - product;
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, oneMinus) = ((Tensor)vars[0], (bool)vars[1]);
        ctx.save_for_backward([x]);
        ctx.save_data(nameof(oneMinus), oneMinus);
        var product = SelfProduct.Supports(x) ? SelfProduct.Of(x) : Plain(x, x);
        return oneMinus ? product.neg_().Plus_(ones([], x.dtype, x.device)) : product;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var x = ctx.get_saved_variables()[0];
        var gradient = SymmetricSum.Of(grad_output).matmul(x);
        if ((bool)ctx.get_data("oneMinus")) gradient.neg_();
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    private static Tensor Plain(Tensor x, Tensor y)
    {
        using var transposed = y.t();
        return x.matmul(transposed);
    }

    private static bool WithItself(Tensor x, Tensor y) => ReferenceEquals(x, y) && x.requires_grad && is_grad_enabled();
}
