using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Rows of Euclidean length 1, in one pass each way: <c>u = x/‖x‖</c>, and back <c>(g − u·(u·g))/‖x‖</c>.</summary>
/// <remarks>
/// float32 and float64 on the CPU. A zero row stays zero and passes its gradient as it is. A gradient of the gradient is made by tensor
/// operations.
/// </remarks>
internal sealed unsafe class UnitRows : autograd.SingleTensorFunction<UnitRows>
{
    private const string LengthsKey = "lengths";

    /// <inheritdoc/>
    public override string Name => nameof(UnitRows);

    /// <summary>The rows, with gradient.</summary>
    /// <param name="x">[N, D], of which <see cref="Lanes.Suit"/> holds.</param>
    public static Tensor Of(Tensor x)
    {
        using var scope = NewDisposeScope();
        return apply(NativeMemory.Contiguous(x)).MoveToOuterDisposeScope();
    }

    /// <summary>The same by tensor operations, in any norm.</summary>
    public static Tensor Plain(Tensor x, double p)
    {
        var length = x.norm(1, keepdim: true, p: (float)p);
        return x / where(length == S(0), ones_like(length), length);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var x = (Tensor)vars[0];
        var units = empty_like(x);
        var lengths = new double[x.size(0)];
        if (x.dtype == ScalarType.Float32) Scale((float*)NativeMemory.Of(x), (float*)NativeMemory.Of(units), lengths, (int)x.size(1));
        else Scale((double*)NativeMemory.Of(x), (double*)NativeMemory.Of(units), lengths, (int)x.size(1));
        ctx.save_for_backward([x]);
        ctx.save_data(LengthsKey, lengths);
        return units;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var x = ctx.get_saved_variables()[0];
        var dx = is_grad_enabled() ? Gradient.OfPlain(Plain(x, 2), x, grad_output) : empty_like(x);
        if (!is_grad_enabled())
        {
            var (gradient, lengths, width) = (NativeMemory.Contiguous(grad_output), (double[])ctx.get_data(LengthsKey), (int)x.size(1));
            if (x.dtype == ScalarType.Float32)
                Back((float*)NativeMemory.Of(x), (float*)NativeMemory.Of(gradient), (float*)NativeMemory.Of(dx), lengths, width);
            else Back((double*)NativeMemory.Of(x), (double*)NativeMemory.Of(gradient), (double*)NativeMemory.Of(dx), lengths, width);
        }
        grad_output.Dispose();
        return Gradient.Of(dx);
    }

    private static void Scale<T>(T* x, T* units, double[] lengths, int width) where T : unmanaged =>
        Threads.ForRows(lengths.Length, width, row =>
        {
            T* from = x + row * width, to = units + row * width;
            lengths[row] = Math.Sqrt(SquaredLength(from, width));
            var divisor = Vector256.Create(Numbers.Narrow<T>(lengths[row] == 0 ? 1 : lengths[row]));
            for (var i = 0; i < width; i += Vector256<T>.Count) Lanes.Store(to, i, width, Lanes.Load(from, i, width) / divisor);
        });

    /// <summary>(g − u·(u·g))/‖x‖, with u = x/‖x‖ worked out anew, as x/‖x‖² may be too large a number.</summary>
    private static void Back<T>(T* x, T* gradient, T* to, double[] lengths, int width) where T : unmanaged =>
        Threads.ForRows(lengths.Length, width, row =>
        {
            T* from = x + row * width, g = gradient + row * width, dx = to + row * width;
            var inverse = lengths[row] == 0 ? 1 : 1 / lengths[row];
            var along = Vector256.Create(Numbers.Narrow<T>(lengths[row] == 0 ? 0 : Lanes.Dot(from, g, width) * inverse));
            var times = Vector256.Create(Numbers.Narrow<T>(inverse));
            for (var i = 0; i < width; i += Vector256<T>.Count)
                Lanes.Store(dx, i, width, (Lanes.Load(g, i, width) - Lanes.Load(from, i, width) * times * along) * times);
        });

    /// <summary>In the order in which libtorch's norm adds, so that the rows have the bits of the tensor operations.</summary>
    private static double SquaredLength<T>(T* x, int width) where T : unmanaged
    {
        var (lanes, sums) = (Vector256<T>.Count, Vector256<T>.Zero);
        var i = 0;
        for (; i <= width - lanes; i += lanes) sums += Vector256.Load(x + i) * Vector256.Load(x + i);
        var sum = Vector256.CreateScalar(sums[0]);
        for (var lane = 1; lane < lanes; lane++) sum += Vector256.CreateScalar(sums[lane]);
        for (; i < width; i++) sum += Vector256.CreateScalar(x[i]) * Vector256.CreateScalar(x[i]);
        return Numbers.Widen(sum.ToScalar());
    }
}
