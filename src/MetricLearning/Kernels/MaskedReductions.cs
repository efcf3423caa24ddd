using System.Numerics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Numbers for each row of a matrix, each of the entries that a mask keeps.</summary>
/// <remarks>
/// The one matrix that either way makes is the gradient, written once. Rows are worked out one by one while they are in cache: the same
/// bits for every number of threads. A gradient of the gradient is made by tensor operations, and so is everything but float32 and float64
/// on the CPU.
/// </remarks>
internal sealed unsafe class MaskedReductions : autograd.SingleTensorFunction<MaskedReductions>
{
    /// <inheritdoc/>
    public override string Name => nameof(MaskedReductions);

    /// <summary>One number of each row.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="mask">bool [N, M].</param>
    /// <param name="sum">What is made of the entries that the mask keeps.</param>
    /// <returns>[N], with gradient.</returns>
    public static Tensor Of(Tensor x, Tensor mask, MaskedReduction sum)
    {
        using var scope = NewDisposeScope();
        return Of(x, (mask, sum)).squeeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>Several numbers of each row.</summary>
    /// <param name="x">[N, M].</param>
    /// <param name="sums">K masks, bool [N, M], and what is made of the entries that each keeps.</param>
    /// <returns>[K, N], with gradient.</returns>
    public static Tensor Of(Tensor x, params (Tensor Mask, MaskedReduction Sum)[] sums)
    {
        using var scope = NewDisposeScope();
        if (!SimdRows.Suit(x) || x.size(1) > int.MaxValue) return Plain(x, sums).MoveToOuterDisposeScope();
        var contiguous = Array.ConvertAll(sums, sum => (sum.Mask.contiguous(), sum.Sum));
        return apply(x.contiguous(), contiguous).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, sums) = ((Tensor)vars[0], ((Tensor Mask, MaskedReduction Sum)[])vars[1]);
        var numbers = empty(sums.Length, x.size(0), x.dtype);
        if (x.dtype == ScalarType.Float32) Sum<float>(x, sums, numbers);
        else Sum<double>(x, sums, numbers);
        ctx.save_for_backward([x, numbers, .. sums.Select(sum => sum.Mask)]);
        ctx.save_data(nameof(sums), Array.ConvertAll(sums, sum => sum.Sum));
        return numbers;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var x = saved[0];
        var sums = saved.Skip(2).Zip((MaskedReduction[])ctx.get_data("sums")).ToArray();
        var gradient = is_grad_enabled()
            ? Gradient.OfPlain(Plain(x, sums), x, grad_output)
            : Gradients(x, sums, saved[1], grad_output.contiguous());
        grad_output.Dispose();
        return Gradient.Of(gradient, null);
    }

    private static Tensor Plain(Tensor x, (Tensor Mask, MaskedReduction Sum)[] sums) =>
        stack(Array.ConvertAll(sums, sum => sum.Sum.Plain(x, sum.Mask)), 0);

    private static Tensor Gradients(Tensor x, (Tensor Mask, MaskedReduction Sum)[] sums, Tensor numbers, Tensor factors)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) Spread<float>(x, sums, numbers, factors, gradient);
        else Spread<double>(x, sums, numbers, factors, gradient);
        return gradient;
    }

    private static void Sum<T>(Tensor x, (Tensor Mask, MaskedReduction Sum)[] sums, Tensor numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, to, masks) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(numbers), Addresses(sums));
        var (count, width) = (x.size(0), (int)x.size(1));
        Threads.ForRows(count, width, i =>
        {
            for (var k = 0; k < masks.Length; k++)
                ((T*)to)[k * count + i] = T.CreateTruncating(sums[k].Sum.Of((T*)rows + i * width, (byte*)masks[k] + i * width, width));
        });
    }

    private static void Spread<T>(Tensor x, (Tensor Mask, MaskedReduction Sum)[] sums, Tensor numbers, Tensor factors, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, to, masks) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(gradient), Addresses(sums));
        var (values, slopes) = ((nint)TensorMemory.Of(numbers), (nint)TensorMemory.Of(factors));
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
                    sums[k].Sum.AddGradient((T*)rows + i * width, (byte*)masks[k] + i * width, width, value, factor, row);
            }
        });
    }

    private static nint[] Addresses((Tensor Mask, MaskedReduction Sum)[] sums) =>
        Array.ConvertAll(sums, sum => (nint)TensorMemory.Of(sum.Mask));
}
