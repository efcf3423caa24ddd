using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Subtracts from each column its mean, and scales it to length 1. A column of equal entries becomes 0. Its gradient is the
/// incoming gradient minus the mean of that gradient.</summary>
/// <remarks>
/// All sums are float64. The backward pass is <c>(g − mean(g) − z(g·z)) / ‖x − mean‖</c> with z the result. Tensor operations compute
/// second derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class UnitColumns : autograd.SingleTensorFunction<UnitColumns>
{
    /// <inheritdoc/>
    public override string Name => nameof(UnitColumns);

    /// <summary>The columns of [N, D]. The caller disposes the result.</summary>
    /// <param name="x">N at least 1.</param>
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
        var statistics = empty(2, x.size(1), ScalarType.Float64);
        var unit = empty_like(x);
        if (x.dtype == ScalarType.Float32) Normalize<float>(x, statistics, unit);
        else Normalize<double>(x, statistics, unit);
        ctx.save_for_backward([x, statistics]);
        return unit;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!), grad_output, saved[0])[0]
            : Gradients(saved[0], saved[1], grad_output.contiguous());
        grad_output.Dispose();
        return Gradient.Return(gradient);
    }

    private static Tensor Plain(Tensor x) => RowMath.Unit(RowMath.Deviations(x, 0).t()).t();

    private static Tensor Gradients(Tensor x, Tensor statistics, Tensor outer)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) Project<float>(x, statistics, outer, gradient);
        else Project<double>(x, statistics, outer, gradient);
        return gradient;
    }

    private static void Normalize<T>(Tensor x, Tensor statistics, Tensor unit) where T : unmanaged
    {
        var (rows, to, sums) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(unit), (nint)TensorMemory.Of(statistics));
        var (count, width) = ((int)x.size(0), (int)x.size(1));
        Threads.For((width + Vector256<T>.Count - 1) / Vector256<T>.Count, part =>
        {
            var columns = new Columns<T>((T*)rows, count, width, part);
            columns.Normalize((double*)sums, (T*)to);
        }, work: x.numel());
    }

    private static void Project<T>(Tensor x, Tensor statistics, Tensor outer, Tensor gradient) where T : unmanaged
    {
        var (rows, outers, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(outer), (nint)TensorMemory.Of(gradient));
        var (count, width, sums) = ((int)x.size(0), (int)x.size(1), (nint)TensorMemory.Of(statistics));
        Threads.For((width + Vector256<T>.Count - 1) / Vector256<T>.Count, part =>
        {
            var columns = new Columns<T>((T*)rows, count, width, part);
            columns.Project((double*)sums, (T*)outers, (T*)to);
        }, work: x.numel());
    }

    /// <summary>The columns of one vector. Those past the last column are 0.</summary>
    private readonly struct Columns<T>(T* rows, int count, int width, int part) where T : unmanaged
    {
        private readonly int first = part * Vector256<T>.Count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Normalize(double* statistics, T* to)
        {
            // The first entry is subtracted before the mean is taken, so that equal entries give exactly 0.
            var (lowStart, highStart) = Load(rows, 0);
            Vector256<double> low = default, high = default;
            for (var i = 1; i < count; i++)
            {
                var (a, b) = Load(rows, i);
                low += a - lowStart;
                high += b - highStart;
            }
            var (lowMean, highMean) = (lowStart + low / count, highStart + high / count);
            (low, high) = (default, default);
            for (var i = 0; i < count; i++)
            {
                var (a, b) = Load(rows, i);
                low += (a - lowMean) * (a - lowMean);
                high += (b - highMean) * (b - highMean);
            }
            var (lowLength, highLength) = (Length(low), Length(high));
            for (var i = 0; i < count; i++)
            {
                var (a, b) = Load(rows, i);
                Store(to, i, (a - lowMean) / lowLength, (b - highMean) / highLength);
            }
            StoreStatistics(statistics, lowMean, highMean);
            StoreStatistics(statistics + width, lowLength, highLength);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Project(double* statistics, T* outer, T* to)
        {
            var (lowMean, highMean) = LoadStatistics(statistics);
            var (lowLength, highLength) = LoadStatistics(statistics + width);
            Vector256<double> low = default, high = default, lowAlong = default, highAlong = default;
            for (var i = 0; i < count; i++)
            {
                var ((a, b), (c, d)) = (Load(rows, i), Load(outer, i));
                low += c;
                high += d;
                lowAlong += (a - lowMean) * c;
                highAlong += (b - highMean) * d;
            }
            (low, high) = (low / count, high / count);
            (lowAlong, highAlong) = (lowAlong / (lowLength * lowLength), highAlong / (highLength * highLength));
            for (var i = 0; i < count; i++)
            {
                var ((a, b), (c, d)) = (Load(rows, i), Load(outer, i));
                Store(to, i, (c - low - (a - lowMean) * lowAlong) / lowLength, (d - high - (b - highMean) * highAlong) / highLength);
            }
        }

        /// <summary>The lengths of columns by their squares; 1 where it is 0, so that the column stays 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> Length(Vector256<double> squares) => Vector256.ConditionalSelect(
            Vector256.Equals(squares, default), Vector256<double>.One, Vector256.Sqrt(squares));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private (Vector256<double> Low, Vector256<double> High) Load(T* matrix, int row)
        {
            var values = SimdRows.Load(matrix + (long)row * width, first, width);
            return typeof(T) == typeof(float) ? Vector256.Widen(values.AsSingle()) : (values.AsDouble(), default);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Store(T* matrix, int row, Vector256<double> low, Vector256<double> high) => SimdRows.Store(matrix + (long)row * width,
            first, width, typeof(T) == typeof(float) ? Vector256.Narrow(low, high).As<float, T>() : low.As<double, T>());

        private void StoreStatistics(double* to, Vector256<double> low, Vector256<double> high)
        {
            SimdRows.Store(to, first, width, low);
            if (first + 4 < width && typeof(T) == typeof(float)) SimdRows.Store(to, first + 4, width, high);
        }

        private (Vector256<double> Low, Vector256<double> High) LoadStatistics(double* from) => (SimdRows.Load(from, first, width),
            first + 4 < width && typeof(T) == typeof(float) ? SimdRows.Load(from, first + 4, width) : Vector256<double>.One);
    }
}
