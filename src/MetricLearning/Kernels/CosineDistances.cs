using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The cosine distances of row pairs: [N, D] and [N, D] → [N]. Each pass reads the rows once.</summary>
/// <remarks>
/// With u = x / ‖x‖, v = y / ‖y‖ and c = u·v, the distance is 1 − c and its gradient is <c>∂/∂x = (u·c − v) / ‖x‖</c>. Sums and the
/// difference are float64, so the distance of rows in almost the same direction keeps its digits. A zero row has the distance 1, and the
/// gradient of a row of length 1. A row that is not finite gives NaN. Tensor operations compute second derivatives, and all types and
/// devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class CosineDistances : autograd.SingleTensorFunction<CosineDistances>
{
    private const string PairsKey = "pairs";

    /// <inheritdoc/>
    public override string Name => nameof(CosineDistances);

    /// <summary>1 − cos(x_i, y_i) for each row i. The caller disposes it.</summary>
    public static Tensor Of(Tensor x, Tensor y)
    {
        using var scope = NewDisposeScope();
        var distances = SimdRows.Supports(x) ? apply(TensorMemory.Contiguous(x), TensorMemory.Contiguous(y)) : Plain(x, y);
        return distances.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y) = ((Tensor)vars[0], (Tensor)vars[1]);
        var pairs = new Pair[x.size(0)];
        if (x.dtype == ScalarType.Float32) Measure<float>(x, y, pairs);
        else Measure<double>(x, y, pairs);
        ctx.save_for_backward([x, y]);
        ctx.save_data(PairsKey, pairs);
        return KernelArrays.ToTensor(Array.ConvertAll(pairs, pair => 1 - pair.Cosine), x.dtype);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (saved, pairs) = (ctx.get_saved_variables(), (Pair[])ctx.get_data(PairsKey));
        var (x, y) = (saved[0], saved[1]);
        var gradients = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, inputs[1]!), grad_output, x, y)
            : Gradients(x, y, pairs, TensorMemory.Contiguous(grad_output));
        grad_output.Dispose();
        return Gradient.Return(gradients);
    }

    private static Tensor Plain(Tensor x, Tensor y) => S(1) - (RowMath.Unit(x) * RowMath.Unit(y)).sum(1);

    private static void Measure<T>(Tensor x, Tensor y, Pair[] pairs) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        Threads.ForRows(pairs.Length, 2 * width, i =>
        {
            T* a = (T*)left + i * width, b = (T*)right + i * width;
            var (ofA, ofB) = (InverseLength.Of(a, width), InverseLength.Of(b, width));
            var cosine = ofA.IsOrdinary && ofB.IsOrdinary ? SimdRows.Dot(a, b, width) * ofA.Value * ofB.Value
                : ScaledDot(a, ofA.Power, b, ofB.Power, width) * ofA.Factor * ofB.Factor;
            pairs[i] = new(ofA, ofB, Math.Clamp(cosine, -1, 1));      // keeps NaN
        });
    }

    /// <summary>The dot product of two rows that are scaled first, because their products may not fit into float64.</summary>
    private static double ScaledDot<T>(T* a, double timesA, T* b, double timesB, int width) where T : unmanaged
    {
        var sum = 0.0;
        for (var k = 0; k < width; k++) sum += KernelArrays.Widen(a[k]) * timesA * (KernelArrays.Widen(b[k]) * timesB);
        return sum;
    }

    private static Tensor?[] Gradients(Tensor x, Tensor y, Pair[] pairs, Tensor outer)
    {
        var (ofX, ofY) = (x.requires_grad ? empty_like(x) : null, y.requires_grad ? empty_like(y) : null);
        if (x.dtype == ScalarType.Float32) Differentiate<float>(x, y, pairs, outer, ofX, ofY);
        else Differentiate<double>(x, y, pairs, outer, ofX, ofY);
        return [ofX, ofY];
    }

    private static void Differentiate<T>(Tensor x, Tensor y, Pair[] pairs, Tensor outer, Tensor? ofX, Tensor? ofY) where T : unmanaged
    {
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        var (toLeft, toRight) = (ofX is null ? 0 : (nint)TensorMemory.Of(ofX), ofY is null ? 0 : (nint)TensorMemory.Of(ofY));
        var slopes = (nint)TensorMemory.Of(outer);
        Threads.ForRows(pairs.Length, 2 * width, i =>
        {
            T* a = (T*)left + i * width, b = (T*)right + i * width;
            var (pair, slope) = (pairs[i], KernelArrays.Widen(((T*)slopes)[i]));
            if (toLeft != 0) Project((T*)toLeft + i * width, a, pair.X, b, pair.Y, pair.Cosine, slope, width);
            if (toRight != 0) Project((T*)toRight + i * width, b, pair.Y, a, pair.X, pair.Cosine, slope, width);
        });
    }

    /// <summary>Writes <c>slope·(u·c − v) / ‖a‖</c>, with u = a / ‖a‖ and v = b / ‖b‖.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Project<T>(T* to, T* a, InverseLength ofA, T* b, InverseLength ofB, double cosine, double slope, int width)
        where T : unmanaged
    {
        var ((powerA, factorA), (powerB, factorB)) = (ofA.Vectors<T>(), ofB.Vectors<T>());
        var c = Vector256.Create(KernelArrays.Narrow<T>(cosine));
        var times = Vector256.Create(KernelArrays.Narrow<T>(slope * ofA.Factor));
        for (var k = 0; k < width; k += Vector256<T>.Count)
        {
            var (u, v) = (SimdRows.Load(a, k, width) * powerA * factorA, SimdRows.Load(b, k, width) * powerB * factorB);
            SimdRows.Store(to, k, width, (u * c - v) * powerA * times);
        }
    }

    private readonly record struct Pair(InverseLength X, InverseLength Y, double Cosine);
}
