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
        if (WithItself(x, y)) return apply(x, Form.Product);
        return ReferenceEquals(x, y) && SelfProduct.Supports(x) ? SelfProduct.Of(x) : Plain(x, y);
    }

    /// <summary>1 − x·yᵀ with gradient. If a batch is compared with itself, or if no gradient is needed, it is written over the product.
    /// The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    public static Tensor OneMinus(Tensor x, Tensor y) => Of(x, y, Form.OneMinus);

    /// <summary>−x·yᵀ with gradient. If a batch is compared with itself, or if no gradient is needed, it is written over the product.
    /// The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    public static Tensor Negative(Tensor x, Tensor y) => Of(x, y, Form.Negative);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, form) = ((Tensor)vars[0], (Form)vars[1]);
        ctx.save_for_backward([x]);
        ctx.save_data(nameof(form), form);
        return Over(SelfProduct.Supports(x) ? SelfProduct.Of(x) : Plain(x, x), form);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var x = ctx.get_saved_variables()[0];
        var gradient = SymmetricSum.Of(grad_output).matmul(x);
        if ((Form)ctx.get_data("form") != Form.Product) gradient.neg_();
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    /// <summary>Computes the product in a given form.</summary>
    private static Tensor Of(Tensor x, Tensor y, Form form)
    {
        if (WithItself(x, y)) return apply(x, form);
        var product = Of(x, y);
        if (!product.requires_grad) return Over(product, form);
        using (product) return form == Form.OneMinus ? S(1) - product : -product;
    }

    private enum Form
    {
        Product, OneMinus, Negative,
    }

    /// <summary>Writes a form over the product.</summary>
    private static Tensor Over(Tensor product, Form form)
    {
        if (form != Form.Product) product.neg_();
        if (form != Form.OneMinus) return product;
        using var one = ones([], product.dtype, product.device);
        return product.Plus_(one);
    }

    private static Tensor Plain(Tensor x, Tensor y)
    {
        using var transposed = y.t();
        return x.matmul(transposed);
    }

    private static bool WithItself(Tensor x, Tensor y) => ReferenceEquals(x, y) && x.requires_grad && is_grad_enabled();
}
