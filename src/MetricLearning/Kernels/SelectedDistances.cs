using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The Euclidean distances of K chosen pairs, [K], computed from differences. Neither pass makes a matrix [K, D].</summary>
/// <remarks>
/// The backward pass is <c>∂d/∂x = (x − y)/d</c>, 0 if d is 0; for the squared distance it is 2(x − y). Tensor operations compute second
/// derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed class SelectedDistances : autograd.SingleTensorFunction<SelectedDistances>
{
    private const string PairsKey = "pairs", SlopesKey = "slopes";

    /// <inheritdoc/>
    public override string Name => nameof(SelectedDistances);

    /// <summary>‖x[rows] − y[columns]‖, or the square of it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    /// <param name="rows">int64 [K].</param>
    /// <param name="columns">int64 [K].</param>
    /// <param name="form">How the distance follows from its square.</param>
    public static Tensor Of(Tensor x, Tensor y, Tensor rows, Tensor columns, EuclideanForm form)
    {
        if (!SimdRows.Supports(x)) return Plain(x, y, rows, columns, form);
        using var scope = NewDisposeScope();
        var pairs = new Pairs(TensorMemory.Indices(rows, x.size(0)), TensorMemory.Indices(columns, y.size(0)), form);
        var right = ReferenceEquals(x, y) ? null : TensorMemory.Contiguous(y);
        return apply(TensorMemory.Contiguous(x), right!, pairs).MoveToOuterDisposeScope();
    }

    /// <summary>The same distances by tensor operations.</summary>
    public static Tensor Plain(Tensor x, Tensor y, Tensor rows, Tensor columns, EuclideanForm form)
    {
        using var scope = NewDisposeScope();
        return EuclideanDistances.Plain(x.index_select(0, rows), y.index_select(0, columns), form).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, pairs) = ((Tensor)vars[0], (Tensor?)vars[1], (Pairs)vars[2]);
        var squares = RowDifferences.Squares(x, y, pairs.Rows, pairs.Columns)[0];
        ctx.save_for_backward(y is null ? [x] : [x, y]);
        ctx.save_data(PairsKey, pairs);
        ctx.save_data(SlopesKey, Array.ConvertAll(squares, pairs.Form.GradientFactor));
        return KernelArrays.ToTensor(Array.ConvertAll(squares, pairs.Form.Apply), x.dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, pairs) = (ctx.get_saved_variables(), (Pairs)ctx.get_data(PairsKey));
        var (x, y) = (saved[0], saved.Count > 1 ? saved[1] : null);
        Tensor?[] gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(
                inputs[0]!, inputs[1] ?? inputs[0]!, tensor(pairs.Rows), tensor(pairs.Columns), pairs.Form), grad_output, x, y)
            : RowDifferences.Gradients(x, y,
                (pairs.Rows, pairs.Columns, KernelArrays.Times(grad_output, (double[])ctx.get_data(SlopesKey))[0]));
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    private sealed record Pairs(long[] Rows, long[] Columns, EuclideanForm Form);
}
