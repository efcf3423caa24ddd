using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Scales each row to length 1, also if its squares would overflow or underflow. The forward pass and the backward pass read the
/// rows once each. A zero row stays zero and passes its gradient unchanged. A row that is not finite becomes NaN.</summary>
/// <remarks>
/// The backward pass is <c>(g − u(g·u)) / ‖x‖</c> with u = x / ‖x‖; sums are float64. Tensor operations compute second derivatives, and all
/// types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class UnitRows : autograd.SingleTensorFunction<UnitRows>
{
    /// <inheritdoc/>
    public override string Name => nameof(UnitRows);

    /// <summary>x / ‖x‖ of [N, D]. The caller disposes it.</summary>
    public static Tensor Of(Tensor x)
    {
        using var scope = NewDisposeScope();
        var unit = SimdRows.Supports(x) ? apply(x.contiguous()) : Plain(x);
        return unit.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var x = (Tensor)vars[0];
        var unit = empty_like(x);
        if (x.dtype == ScalarType.Float32) Normalize<float>(x, unit);
        else Normalize<double>(x, unit);
        ctx.save_for_backward([x]);
        return unit;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var x = ctx.get_saved_variables()[0];
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!), grad_output, x)[0]
            : Gradients(x, grad_output.contiguous());
        grad_output.Dispose();
        return Gradient.Return(gradient);
    }

    /// <summary>The same by tensor operations, in the p-norm.</summary>
    public static Tensor Plain(Tensor x, double p = 2)
    {
        var scaled = x / OneIfZero(x.detach().norm(1, keepdim: true, p: float.PositiveInfinity));
        return scaled / OneIfZero(scaled.norm(1, keepdim: true, p: (float)p));

        static Tensor OneIfZero(Tensor length) => length.masked_fill(length == S(0), S(1));
    }

    private static Tensor Gradients(Tensor x, Tensor outer)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) Project<float>(x, outer, gradient);
        else Project<double>(x, outer, gradient);
        return gradient;
    }

    private static void Normalize<T>(Tensor x, Tensor unit) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, units, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(unit), (int)x.size(1));
        Threads.ForRows(x.size(0), width, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (i) =>
        {
            T* from = (T*)rows + i * width, to = (T*)units + i * width;
            var (power, factor) = InverseLength.Of(from, width).Vectors<T>();
            for (var k = 0; k < width; k += Vector256<T>.Count)
                SimdRows.Store(to, k, width, SimdRows.Load(from, k, width) * power * factor);
        });
    }

    /// <summary>Removes the part of the incoming gradient along each row, and divides by the row's length.</summary>
    private static void Project<T>(Tensor x, Tensor outer, Tensor gradient) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, outers, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(outer), (int)x.size(1));
        var gradients = (nint)TensorMemory.Of(gradient);
        Threads.ForRows(x.size(0), width, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (i) =>
        {
            T* row = (T*)rows + i * width, from = (T*)outers + i * width, to = (T*)gradients + i * width;
            var length = InverseLength.Of(row, width);
            var (power, factor) = length.Vectors<T>();
            var along = Vector256.Create(KernelArrays.Narrow<T>(SimdRows.Dot(row, from, width) * length.Power * length.Factor));
            for (var k = 0; k < width; k += Vector256<T>.Count)
            {
                var unit = SimdRows.Load(row, k, width) * power * factor;
                SimdRows.Store(to, k, width, (SimdRows.Load(from, k, width) - unit * along) * power * factor);
            }
        });
    }
}
