using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>Σ_ij t_ij log softmax(x_i)_j</c>, the negative cross entropy of rows of logits with soft targets.</summary>
/// <remarks>
/// All sums are float64. The backward pass is <c>t_ij − softmax(x_i)_j Σ_k t_ik</c>. It reads the logits once, and no matrix of logarithms
/// is made. Tensor operations compute second derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class SoftTargetSum : autograd.SingleTensorFunction<SoftTargetSum>
{
    /// <summary>How many numbers could be read in the time of one exponential.</summary>
    private const int ExponentialWeight = 4;

    /// <inheritdoc/>
    public override string Name => nameof(SoftTargetSum);

    /// <summary>Computes the sum, a scalar with gradient; NaN if a logit is not finite. The caller disposes it.</summary>
    /// <param name="x">Logits [N, M]; M at least 1.</param>
    /// <param name="targets">[N, M], of the same type, finite, without gradient.</param>
    public static Tensor Of(Tensor x, Tensor targets)
    {
        using var scope = NewDisposeScope();
        var sum = SimdRows.Supports(x) && x.size(1) <= int.MaxValue ? apply(x.contiguous(), targets.contiguous()) : Plain(x, targets);
        return sum.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, targets) = ((Tensor)vars[0], (Tensor)vars[1]);
        var rows = empty(2, x.size(0), ScalarType.Float64);
        ctx.save_for_backward([x, targets, rows]);
        return x.dtype == ScalarType.Float32 ? Sum<float>(x, targets, rows) : Sum<double>(x, targets, rows);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, saved[1]), grad_output, saved[0])[0]
            : Slopes(saved[0], saved[1], saved[2], grad_output);
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    private static Tensor Plain(Tensor x, Tensor targets)
    {
        var sum = (targets * nn.functional.log_softmax(x, 1)).sum();
        return sum.Plus(sum.detach() * S(0));       // ∞ becomes NaN
    }

    private static Tensor Sum<T>(Tensor x, Tensor targets, Tensor statistics) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, shares, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(targets), (nint)TensorMemory.Of(statistics));
        var (count, width) = (x.size(0), (int)x.size(1));
        var sums = new double[count];
        Threads.ForRows(count, width, i =>
        {
            T* row = (T*)rows + i * width, share = (T*)shares + i * width;
            var logSum = LogSum(row, width);
            (sums[i], var total) = Sums(row, share, width, T.CreateTruncating(logSum));
            (((double*)to)[i], ((double*)to)[count + i]) = (logSum, total);
        }, weight: ExponentialWeight);
        var (sum, result) = (sums.Sum(), empty([], x.dtype));
        *(T*)TensorMemory.Of(result) = double.IsFinite(sum) ? T.CreateTruncating(sum) : T.NaN;
        return result;
    }

    private static Tensor Slopes(Tensor x, Tensor targets, Tensor statistics, Tensor outer)
    {
        var gradient = empty_like(x);
        if (x.dtype == ScalarType.Float32) Differentiate<float>(x, targets, statistics, outer, gradient);
        else Differentiate<double>(x, targets, statistics, outer, gradient);
        return gradient;
    }

    private static void Differentiate<T>(Tensor x, Tensor targets, Tensor statistics, Tensor outer, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (rows, shares, to) = ((nint)TensorMemory.Of(x), (nint)TensorMemory.Of(targets), (nint)TensorMemory.Of(gradient));
        var (count, width, factor) = (x.size(0), (int)x.size(1), *(T*)TensorMemory.Of(outer));
        var numbers = (nint)TensorMemory.Of(statistics);
        Threads.ForRows(count, width, i =>
        {
            var (logSum, total) = (((double*)numbers)[i], ((double*)numbers)[count + i]);
            Differentiate((T*)rows + i * width, (T*)shares + i * width, width, T.CreateTruncating(logSum), T.CreateTruncating(total),
                factor, (T*)to + i * width);
        }, weight: ExponentialWeight);
    }

    /// <summary><c>log Σ_j exp(x_j)</c>; NaN if a logit is not finite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double LogSum<T>(T* row, int width) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (best, zeros) = (Vector256.Create(row[0]), Vector256<T>.Zero);
        var (whole, i) = (width - width % Vector256<T>.Count, 0);
        for (; i < whole; i += Vector256<T>.Count)
        {
            var values = Vector256.Load(row + i);
            zeros += values * Vector256<T>.Zero;
            best = Vector256.Max(values, best);
        }
        var (largest, rest) = (SimdRows.Max(best), 0.0);
        for (; i < width; i++)
        {
            largest = T.Max(largest, row[i]);
            rest += double.CreateTruncating(row[i]) * 0;
        }
        if (double.IsNaN(Vector256.Sum(SimdRows.PartialSums(zeros)) + rest)) return double.NaN;
        var (top, sum) = (Vector256.Create(largest), Vector256<double>.Zero);
        for (i = 0; i < whole; i += Vector256<T>.Count) sum += SimdRows.PartialSums(Exponential.Of(Vector256.Load(row + i) - top));
        for (; i < width; i++) rest += Math.Exp(double.CreateTruncating(row[i]) - double.CreateTruncating(largest));
        return double.CreateTruncating(largest) + Math.Log(Vector256.Sum(sum) + rest);
    }

    /// <summary><c>Σ_j t_j (x_j − logSum)</c> and <c>Σ_j t_j</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Sum, double Total) Sums<T>(T* row, T* targets, int width, T logSum) where T : unmanaged
    {
        var (all, sum, total) = (Vector256.Create(logSum), Vector256<double>.Zero, Vector256<double>.Zero);
        for (var i = 0; i < width; i += Vector256<T>.Count)
        {
            var shares = SimdRows.Load(targets, i, width);
            sum += SimdRows.PartialSums(shares * (SimdRows.Load(row, i, width) - all));
            total += SimdRows.PartialSums(shares);
        }
        return (Vector256.Sum(sum), Vector256.Sum(total));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Differentiate<T>(T* row, T* targets, int width, T logSum, T total, T factor, T* slopes) where T : unmanaged
    {
        var (all, whole, times) = (Vector256.Create(logSum), Vector256.Create(total), Vector256.Create(factor));
        for (var i = 0; i < width; i += Vector256<T>.Count)
        {
            var shares = Exponential.Of(SimdRows.Load(row, i, width) - all) * whole;
            SimdRows.Store(slopes, i, width, (SimdRows.Load(targets, i, width) - shares) * times);
        }
    }
}
