using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Masked per-row reductions with a hand-written backward pass.</summary>
/// <remarks>
/// Neither pass makes a matrix except the gradient, which is written once. Each row is reduced while it is in cache, by one thread, so the
/// bits are the same for every number of threads. Tensor operations compute second derivatives, and all types and devices other than
/// float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class MaskedReductions : autograd.SingleTensorFunction<MaskedReductions>
{
    /// <inheritdoc/>
    public override string Name => nameof(MaskedReductions);

    /// <summary>Reduces each row to one value.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="reduction">Reduces the entries that the mask keeps.</param>
    /// <returns>[N], with gradient.</returns>
    public static Tensor Of(Tensor x, Tensor mask, MaskedReduction reduction)
    {
        using var scope = NewDisposeScope();
        return Of(x, (mask, reduction)).squeeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Reduces each row to several values in one pass.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="reductions">K masks, bool [N, M], each with the reduction of the entries that it keeps.</param>
    /// <returns>[K, N], with gradient.</returns>
    public static Tensor Of(Tensor x, params (Tensor Mask, MaskedReduction Reduction)[] reductions)
    {
        using var scope = NewDisposeScope();
        if (!SimdRows.Supports(x) || x.size(1) > int.MaxValue) return Plain(x, reductions).MoveToOuterDisposeScope();
        var contiguous = Array.ConvertAll(reductions, item => (item.Mask.contiguous(), item.Reduction));
        return apply(x.contiguous(), contiguous).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, reductions) = ((Tensor)vars[0], ((Tensor Mask, MaskedReduction Reduction)[])vars[1]);
        var results = empty(reductions.Length, x.size(0), x.dtype);
        if (x.dtype == ScalarType.Float32) Reduce<float>(x, reductions, results);
        else Reduce<double>(x, reductions, results);
        ctx.save_for_backward([x, results, .. reductions.Select(item => item.Mask)]);
        ctx.save_data(nameof(reductions), Array.ConvertAll(reductions, item => item.Reduction));
        return results;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var x = saved[0];
        var reductions = saved.Skip(2).Zip((MaskedReduction[])ctx.get_data("reductions")).ToArray();
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, reductions), grad_output, x)[0]
            : Gradients(x, reductions, saved[1], grad_output.contiguous());
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    private static Tensor Plain(Tensor x, (Tensor Mask, MaskedReduction Reduction)[] reductions) =>
        stack(Array.ConvertAll(reductions, item => item.Reduction.Plain(x, item.Mask)), 0);

    private static Tensor Gradients(Tensor x, (Tensor Mask, MaskedReduction Reduction)[] reductions, Tensor results, Tensor factors)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) AddGradients<float>(x, reductions, results, factors, gradient);
        else AddGradients<double>(x, reductions, results, factors, gradient);
        return gradient;
    }

    private static void Reduce<T>(Tensor x, (Tensor Mask, MaskedReduction Reduction)[] reductions, Tensor results)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, to, masks) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(results), Addresses(reductions));
        var (count, width) = (x.size(0), (int)x.size(1));
        Threads.ForRows(count, width, i =>
        {
            for (var k = 0; k < masks.Length; k++)
                ((T*)to)[k * count + i] = T.CreateTruncating(reductions[k].Reduction.Reduce((T*)rows + i * width,
                    (byte*)masks[k] + i * width, width));
        });
    }

    private static void AddGradients<T>(Tensor x, (Tensor Mask, MaskedReduction Reduction)[] reductions, Tensor results, Tensor factors,
        Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, to, masks) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(gradient), Addresses(reductions));
        var (values, slopes) = ((nint)TensorMemory.Of(results), (nint)TensorMemory.Of(factors));
        var (count, width) = (x.size(0), (int)x.size(1));
        Threads.ForRows(count, width, i =>
        {
            var row = (T*)to + i * width;
            new Span<T>(row, width).Clear();
            for (var k = 0; k < masks.Length; k++)
            {
                var (value, factor) = (((T*)values)[k * count + i], ((T*)slopes)[k * count + i]);
                if (T.IsNaN(value) || T.IsNaN(factor)) new Span<T>(row, width).Fill(T.NaN);
                else if (factor != T.Zero)
                    reductions[k].Reduction.AddGradient((T*)rows + i * width, (byte*)masks[k] + i * width, width, value, factor, row);
            }
        });
    }

    private static nint[] Addresses((Tensor Mask, MaskedReduction Reduction)[] reductions) =>
        Array.ConvertAll(reductions, item => (nint)TensorMemory.Of(item.Mask));
}
