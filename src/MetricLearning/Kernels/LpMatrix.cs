using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>d = (Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c> of all rows of x to all rows of y, for a whole p and float32 on the CPU
/// (<see cref="LpPowers"/>).</summary>
/// <remarks>
/// If a batch is compared with itself, each pair is measured once. An entry depends on its two rows alone. The backward pass is
/// <c>∂d/∂xᵢ = sign(xᵢ − yᵢ)·(|xᵢ − yᵢ|/d)^(p−1)</c>, 0 if d is 0. Each thread sums the gradients of its own rows in float64, in the order
/// of the other rows. Tensor operations compute second derivatives, from all differences at once.
/// </remarks>
internal sealed unsafe class LpMatrix : autograd.SingleTensorFunction<LpMatrix>
{
    private const int RowsPerTask = 16;
    private const string OrderKey = "order";

    /// <inheritdoc/>
    public override string Name => nameof(LpMatrix);

    /// <summary>[N, D] and [M, D] → [N, M]. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[M, D]; x itself for a batch with itself.</param>
    /// <param name="order">The order p.</param>
    public static Tensor Of(Tensor x, Tensor y, int order)
    {
        using var scope = NewDisposeScope();
        return apply(TensorMemory.Contiguous(x), ReferenceEquals(x, y) ? null! : TensorMemory.Contiguous(y), order)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, order) = ((Tensor)vars[0], (Tensor?)vars[1], (int)vars[2]);
        var distances = empty(x.size(0), (y ?? x).size(0), x.dtype);
        Measure(x, y, order, distances);
        ctx.save_for_backward(y is null ? [distances, x] : [distances, x, y]);
        ctx.save_data(OrderKey, order);
        return distances;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, order) = (ctx.get_saved_variables(), (int)ctx.get_data(OrderKey));
        var (x, y) = (saved[1], saved.Count > 2 ? saved[2] : null);
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, inputs[1] ?? inputs[0]!, order), grad_output, x, y)
            : Gradients(x, y, order, saved[0], grad_output);
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    /// <summary>The same distances by tensor operations.</summary>
    private static Tensor Plain(Tensor x, Tensor y, int order) =>
        RowLengths.Of((x.unsqueeze(1) - y.unsqueeze(0)).flatten(0, 1), order).view(x.size(0), y.size(0));

    private static void Measure(Tensor x, Tensor? y, int order, Tensor distances)
    {
        var (left, right, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y ?? x), (nint)TensorMemory.Of(distances));
        var (height, count, width) = (x.size(0), (y ?? x).size(0), (int)x.size(1));
        Threads.For((int)((height + RowsPerTask - 1) / RowsPerTask), task =>
        {
            var start = (long)task * RowsPerTask;
            for (var j = y is null ? start : 0; j < count; j++)
                for (var i = start; i < Math.Min(height, start + RowsPerTask); i++)
                {
                    var distance = (float)LpPowers.Distance((float*)left + i * width, (float*)right + j * width, order, width);
                    ((float*)to)[i * count + j] = distance;
                    if (y is null) ((float*)to)[j * count + i] = distance;
                }
        }, work: height * count * width);
    }

    /// <summary>The gradients of x and y; null for one that needs none.</summary>
    private static Tensor?[] Gradients(Tensor x, Tensor? y, int order, Tensor distances, Tensor slopes)
    {
        if (y is null) return [Sums(x, x, order, distances, SymmetricSum.Of(slopes.contiguous())), null];
        return [x.requires_grad ? Sums(x, y, order, distances, slopes.contiguous()) : null,
            y.requires_grad ? Sums(y, x, order, distances.t().contiguous(), slopes.t().contiguous()) : null];
    }

    /// <summary><c>Σ_j s_ij ∂d_ij/∂x_i</c> for each row i of x.</summary>
    private static Tensor Sums(Tensor x, Tensor y, int order, Tensor distances, Tensor slopes)
    {
        var gradient = empty_like(x);
        var (left, right, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (nint)TensorMemory.Of(gradient));
        var (of, factors) = ((nint)TensorMemory.Of(distances), (nint)TensorMemory.Of(slopes));
        var (height, count, width) = (x.size(0), y.size(0), (int)x.size(1));
        Threads.For((int)height, row =>
        {
            var sums = Scratch.Doubles(width + LpPowers.Padding);
            sums.Clear();
            fixed (double* sum = sums)
                for (var j = 0L; j < count; j++)
                {
                    var (distance, factor) = (((float*)of)[row * count + j], ((float*)factors)[row * count + j]);
                    if (float.IsNaN(distance)) factor = distance;
                    if (factor == 0 || distance == 0) continue;
                    LpPowers.AddGradient(sum, (float*)left + (long)row * width, (float*)right + j * width, order, factor, distance, width);
                }
            for (var k = 0; k < width; k++) ((float*)to)[(long)row * width + k] = (float)sums[k];
        }, work: height * count * width);
        return gradient;
    }
}
