using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>d = (Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c> of row pairs: [N, D] and [N, D] → [N]. For a whole p, each pass reads the rows once.</summary>
/// <remarks>
/// Powers and sums are float64, so no power of a float32 number becomes 0 or overflows. The backward pass is
/// <c>∂d/∂xᵢ = sign(xᵢ − yᵢ)·(|xᵢ − yᵢ|/d)^(p−1)</c>, 0 if d is 0. Tensor operations compute second derivatives, other orders, and all
/// types and devices other than float32 on the CPU.
/// </remarks>
internal sealed unsafe class LpDistances : autograd.SingleTensorFunction<LpDistances>
{
    /// <summary>The largest order of which no power of a float32 number leaves the range of float64.</summary>
    private const int LargestOrder = 6;

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
        var supported = SimdRows.Supports(x) && x.dtype == ScalarType.Float32 && double.IsInteger(p) && p <= LargestOrder;
        var distances = supported ? apply(TensorMemory.Contiguous(x), TensorMemory.Contiguous(y), (int)p) : RowLengths.Of(x - y, p);
        return distances.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, y, order) = ((Tensor)vars[0], (Tensor)vars[1], (int)vars[2]);
        var (left, right, width) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(y), (int)x.size(1));
        var distances = new double[x.size(0)];
        Threads.ForRows(distances.Length, width, i =>
            distances[i] = Math.Pow(Sum((float*)left + i * width, (float*)right + i * width, order, width), 1.0 / order));
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
            if (toLeft != 0) Write((float*)toLeft + i * width, a, b, order, factors[i], distances[i], width);
            if (toRight != 0) Write((float*)toRight + i * width, b, a, order, factors[i], distances[i], width);
        });
        return [ofX, ofY];
    }

    /// <summary>What a row's gradient is multiplied by: 0 for equal rows, NaN for a distance that is NaN.</summary>
    private static double Factor(double distance) => distance == 0 ? 0 : double.IsNaN(distance) ? double.NaN : 1;

    /// <summary><c>Σ |aᵢ − bᵢ|ᵖ</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Sum(float* a, float* b, int order, int width)
    {
        Vector256<double> even = default, odd = default;
        for (var k = 0; k < width; k += Vector256<float>.Count)
        {
            var (first, second) = Differences(a, b, k, width);
            even += Power(Vector256.Abs(first), order);
            odd += Power(Vector256.Abs(second), order);
        }
        return Vector256.Sum(even + odd);
    }

    /// <summary>Writes <c>factor·sign(a − b)·(|a − b|/distance)^(p−1)</c>. A factor of 0 gives 0, also where the difference is not
    /// finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write(float* to, float* a, float* b, int order, double factor, double distance, int width)
    {
        if (factor == 0)
        {
            new Span<float>(to, width).Clear();
            return;
        }
        var (times, by) = (Vector256.Create(factor), Vector256.Create(1 / distance));
        for (var k = 0; k < width; k += Vector256<float>.Count)
        {
            var (first, second) = Differences(a, b, k, width);
            SimdRows.Store(to, k, width, Vector256.Narrow(Slope(first, by, order) * times, Slope(second, by, order) * times));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<double>, Vector256<double>) Differences(float* a, float* b, int start, int width)
    {
        var ((a1, a2), (b1, b2)) = (Vector256.Widen(SimdRows.Load(a, start, width)), Vector256.Widen(SimdRows.Load(b, start, width)));
        return (a1 - b1, a2 - b2);
    }

    /// <summary>The derivative of the distance by a difference; 0 for a difference of 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Slope(Vector256<double> difference, Vector256<double> inverse, int order)
    {
        var size = Power(Vector256.Abs(difference) * inverse, order - 1);
        return Vector256.ConditionalSelect(Vector256.Equals(difference, Vector256<double>.Zero), Vector256<double>.Zero,
            size | (difference & Vector256.Create(-0.0)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Power(Vector256<double> x, int order)
    {
        var power = Vector256<double>.One;
        for (var k = 0; k < order; k++) power *= x;
        return power;
    }
}
