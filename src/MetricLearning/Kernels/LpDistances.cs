using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>d = (Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c> of row pairs: [N, D] and [N, D] → [N]. For a whole p, each pass reads the rows once.</summary>
/// <remarks>
/// The backward pass is <c>∂d/∂xᵢ = sign(xᵢ − yᵢ)·(|xᵢ − yᵢ|/d)^(p−1)</c>, 0 if d is 0. Tensor operations compute second derivatives, and
/// whatever <see cref="LpPowers"/> do not support.
/// </remarks>
internal sealed unsafe class LpDistances : autograd.SingleTensorFunction<LpDistances>
{
    private const string OrderKey = "order", DistancesKey = "distances";

    /// <inheritdoc/>
    public override string Name => nameof(LpDistances);

    /// <summary>The distance of each row of x to the same row of y. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[N, D].</param>
    /// <param name="p">The order, above 0, or infinite.</param>
    public static Tensor Of(Tensor x, Tensor y, double p)
    {
        using var scope = NewDisposeScope();
        var distances = LpPowers.Supports(x, p) ? apply(TensorMemory.Contiguous(x), TensorMemory.Contiguous(y), (int)p)
            : RowLengths.Of(x - y, p);
        return distances.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, order) = ((Tensor)vars[0], (Tensor)vars[1], (int)vars[2]);
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        var distances = new double[x.size(0)];
        Threads.ForRows(distances.Length, width, i =>
            distances[i] = LpPowers.Distance((float*)left + i * width, (float*)right + i * width, order, width));
        ctx.save_for_backward([x, y]);
        ctx.save_data(OrderKey, order);
        ctx.save_data(DistancesKey, distances);
        return KernelArrays.ToTensor(distances, x.dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, order) = (ctx.get_saved_variables(), (int)ctx.get_data(OrderKey));
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => RowLengths.Of(inputs[0]! - inputs[1]!, order), grad_output, saved[0], saved[1])
            : Gradients(saved[0], saved[1], order, (double[])ctx.get_data(DistancesKey), grad_output);
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    private static Tensor?[] Gradients(Tensor x, Tensor y, int order, double[] distances, Tensor gradient)
    {
        var (ofX, ofY) = (x.requires_grad ? empty_like(x) : null, y.requires_grad ? empty_like(y) : null);
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        var (toLeft, toRight) = (ofX is null ? 0 : (nint)TensorMemory.Of(ofX), ofY is null ? 0 : (nint)TensorMemory.Of(ofY));
        var factors = KernelArrays.Times(gradient, Array.ConvertAll(distances, Factor))[0];
        Threads.ForRows(factors.Length, width, i =>
        {
            float* a = (float*)left + i * width, b = (float*)right + i * width;
            if (toLeft != 0) LpPowers.WriteGradient((float*)toLeft + i * width, a, b, order, factors[i], distances[i], width);
            if (toRight != 0) LpPowers.WriteGradient((float*)toRight + i * width, b, a, order, factors[i], distances[i], width);
        });
        return [ofX, ofY];
    }

    /// <summary>What a row's gradient is multiplied by: 0 for equal rows, NaN for a distance that is NaN.</summary>
    private static double Factor(double distance) => distance == 0 ? 0 : double.IsNaN(distance) ? double.NaN : 1;
}
