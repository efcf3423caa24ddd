using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The Euclidean distances of row pairs: [N, D] and [N, D] → [N], computed from differences. Each pass reads the rows
/// once.</summary>
/// <remarks>
/// The backward pass is <c>∂d/∂x = (x − y)/d</c>, 0 if d is 0; for the squared distance it is 2(x − y). Tensor operations compute second
/// derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class EuclideanDistances : autograd.SingleTensorFunction<EuclideanDistances>
{
    private const string FormKey = "form", SquaresKey = "squares";

    /// <inheritdoc/>
    public override string Name => nameof(EuclideanDistances);

    /// <summary>‖x_i − y_i‖ for each row i, or the square of it. The caller disposes it.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="y">[N, D].</param>
    /// <param name="form">How the distance follows from its square.</param>
    public static Tensor Of(Tensor x, Tensor y, EuclideanForm form)
    {
        using var scope = NewDisposeScope();
        var distances = SimdRows.Supports(x) ? apply(TensorMemory.Contiguous(x), TensorMemory.Contiguous(y), form) : Plain(x, y, form);
        return distances.MoveToOuterDisposeScope();
    }

    /// <summary>The same distances by tensor operations.</summary>
    public static Tensor Plain(Tensor x, Tensor y, EuclideanForm form)
    {
        using var scope = NewDisposeScope();
        var differences = x - y;
        var distances = form switch
        {
            { Squared: true } => differences.pow(S(2)).sum(1),
            { Floor: > 0 } => RowLengths.Of(differences).clamp_min(S(Math.Sqrt(form.Floor))),
            _ => RowLengths.Of(differences),
        };
        return distances.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, form) = ((Tensor)vars[0], (Tensor)vars[1], (EuclideanForm)vars[2]);
        var squares = new double[x.size(0)];
        if (x.dtype == ScalarType.Float32) Measure<float>(x, y, squares);
        else Measure<double>(x, y, squares);
        ctx.save_for_backward([x, y]);
        ctx.save_data(FormKey, form);
        ctx.save_data(SquaresKey, squares);
        return KernelArrays.ToTensor(Array.ConvertAll(squares, form.Apply), x.dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, form) = (ctx.get_saved_variables(), (EuclideanForm)ctx.get_data(FormKey));
        var (x, y) = (saved[0], saved[1]);
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, inputs[1]!, form), grad_output, x, y)
            : Gradients(x, y, KernelArrays.Times(grad_output,
                Array.ConvertAll((double[])ctx.get_data(SquaresKey), form.GradientFactor))[0]);
        grad_output.Dispose();
        return Gradient.Return([.. gradients, null]);
    }

    private static void Measure<T>(Tensor x, Tensor y, double[] squares) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        Threads.ForRows(squares.Length, width,
            i => squares[i] = RowDifferences.Square((T*)left + i * width, (T*)right + i * width, width));
    }

    private static Tensor?[] Gradients(Tensor x, Tensor y, double[] factors)
    {
        var (ofX, ofY) = (x.requires_grad ? empty_like(x) : null, y.requires_grad ? empty_like(y) : null);
        if (x.dtype == ScalarType.Float32) Differentiate<float>(x, y, factors, ofX, ofY);
        else Differentiate<double>(x, y, factors, ofX, ofY);
        return [ofX, ofY];
    }

    private static void Differentiate<T>(Tensor x, Tensor y, double[] factors, Tensor? ofX, Tensor? ofY) where T : unmanaged
    {
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        var (toLeft, toRight) = (ofX is null ? 0 : (nint)TensorMemory.Of(ofX), ofY is null ? 0 : (nint)TensorMemory.Of(ofY));
        Threads.ForRows(factors.Length, width, i =>
        {
            T* a = (T*)left + i * width, b = (T*)right + i * width;
            if (toLeft != 0) Write((T*)toLeft + i * width, a, b, factors[i], width);
            if (toRight != 0) Write((T*)toRight + i * width, b, a, factors[i], width);
        });
    }

    /// <summary>Writes <c>factor·(a − b)</c>. A factor of 0 gives 0, also where the difference is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write<T>(T* to, T* a, T* b, double factor, int width) where T : unmanaged
    {
        if (factor == 0)
        {
            new Span<T>(to, width).Clear();
            return;
        }
        var times = Vector256.Create(KernelArrays.Narrow<T>(factor));
        for (var k = 0; k < width; k += Vector256<T>.Count)
            SimdRows.Store(to, k, width, (SimdRows.Load(a, k, width) - SimdRows.Load(b, k, width)) * times);
    }
}
