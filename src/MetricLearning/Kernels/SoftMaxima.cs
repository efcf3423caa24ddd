using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The soft maximum of each group of scores: <c>Σ_k softmax_k(s_k / γ) s_k</c>.</summary>
/// <remarks>
/// With p the softmax and S the soft maximum, the backward pass is <c>∂S/∂s_k = p_k (1 + (s_k − S) / γ)</c>. It computes the exponentials
/// again, so only the scores are kept. Sums are float64. libtorch's softmax is slow for rows as short as a group.
/// Tensor operations compute second derivatives, and all types and devices other than float32 and float64 on the CPU.
/// </remarks>
internal sealed unsafe class SoftMaxima : autograd.SingleTensorFunction<SoftMaxima>
{
    private const string SettingsKey = "settings";

    /// <summary>The scores that are taken at once. They fit into the first cache beside their exponentials.</summary>
    private const int BlockScores = 1 << 11;

    /// <summary>How many numbers could be read in the time of one exponential.</summary>
    private const int ExponentialWeight = 4;

    /// <inheritdoc/>
    public override string Name => nameof(SoftMaxima);

    /// <summary>[N, C·K] → [N, C], with gradient. A NaN in a group makes its maximum NaN. The caller disposes the result.</summary>
    /// <param name="scores">C groups in each row, one after the other.</param>
    /// <param name="size">The size K of a group, at least 1.</param>
    /// <param name="temperature">The temperature γ, above 0.</param>
    public static Tensor Of(Tensor scores, long size, double temperature)
    {
        using var scope = NewDisposeScope();
        var settings = new Settings((int)Math.Min(size, int.MaxValue), temperature);
        var maxima = SimdRows.Supports(scores) && scores.size(1) <= int.MaxValue
            ? apply(TensorMemory.Contiguous(scores), settings) : Plain(scores, settings);
        return maxima.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (scores, settings) = ((Tensor)vars[0], (Settings)vars[1]);
        var maxima = empty(scores.size(0), scores.size(1) / settings.Size, scores.dtype);
        if (scores.dtype == ScalarType.Float32) Reduce<float>(scores, settings, maxima);
        else Reduce<double>(scores, settings, maxima);
        ctx.save_for_backward([scores]);
        ctx.save_data(SettingsKey, settings);
        return maxima;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var (scores, settings) = (ctx.get_saved_variables()[0], (Settings)ctx.get_data(SettingsKey));
        var gradient = is_grad_enabled()
            ? Gradient.Differentiable(inputs => Plain(inputs[0]!, settings), grad_output, scores)[0]
            : Slopes(scores, settings, TensorMemory.Contiguous(grad_output));
        grad_output.Dispose();
        return Gradient.Return(gradient, null);
    }

    private static Tensor Plain(Tensor scores, Settings settings)
    {
        var groups = scores.view(scores.size(0), scores.size(1) / settings.Size, settings.Size);
        return (nn.functional.softmax(groups / S(settings.Temperature), 2) * groups).sum(2);
    }

    private static Tensor Slopes(Tensor scores, Settings settings, Tensor outer)
    {
        var gradient = empty_like(scores);
        if (scores.dtype == ScalarType.Float32) Differentiate<float>(scores, settings, outer, gradient);
        else Differentiate<double>(scores, settings, outer, gradient);
        return gradient;
    }

    private static void Reduce<T>(Tensor scores, Settings settings, Tensor maxima) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (from, to) = ((nint)TensorMemory.Of(scores), (nint)TensorMemory.Of(maxima));
        ForBlocks<T>(scores, settings, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (start, groups, shares) =>
        {
            T* s = (T*)from + start * settings.Size, e = (T*)shares, target = (T*)to + start;
            Exponentials(s, groups, settings, e);
            for (var group = 0; group < groups; group++, s += settings.Size, e += settings.Size)
                target[group] = KernelArrays.Narrow<T>(Average(s, e, settings.Size).Mean);
        });
    }

    private static void Differentiate<T>(Tensor scores, Settings settings, Tensor outer, Tensor gradient)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (from, slopes, to) = ((nint)TensorMemory.Of(scores), (nint)TensorMemory.Of(outer), (nint)TensorMemory.Of(gradient));
        ForBlocks<T>(scores, settings, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (start, groups, shares) =>
        {
            T* s = (T*)from + start * settings.Size, e = (T*)shares, target = (T*)to + start * settings.Size, slope = (T*)slopes + start;
            Exponentials(s, groups, settings, e);
            for (var group = 0; group < groups; group++, s += settings.Size, e += settings.Size, target += settings.Size)
                Differentiate(s, e, settings, slope[group], target);
        });
    }

    /// <summary>Calls <paramref name="body"/> for blocks of groups of a row, with the first group, the number of groups, and memory for
    /// their exponentials.</summary>
    private static void ForBlocks<T>(Tensor scores, Settings settings, Action<long, int, nint> body) where T : unmanaged
    {
        var groups = (int)(scores.size(1) / settings.Size);
        var together = Math.Max(1, BlockScores / settings.Size);
        Threads.ForRows(scores.size(0), (int)scores.size(1), i =>
        {
            fixed (double* shares = Scratch.Doubles(Math.Min(together, groups) * settings.Size))
                for (var group = 0; group < groups; group += together)
                    body(i * groups + group, Math.Min(together, groups - group), (nint)shares);
        }, ExponentialWeight);
    }

    /// <summary>Writes <c>exp((s_k − max s) / γ)</c> of each group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Exponentials<T>(T* scores, int groups, Settings settings, T* shares)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (size, count) = (settings.Size, groups * settings.Size);
        for (var start = 0; start < count; start += size)
        {
            var top = scores[start];
            for (var k = start + 1; k < start + size; k++)
                if (scores[k] > top) top = scores[k];
            for (var k = start; k < start + size; k++) shares[k] = scores[k] - top;
        }
        // 1/γ may be infinite in T, and 0 · ∞ would be NaN.
        var largest = typeof(T) == typeof(float) ? float.MaxValue : double.MaxValue;
        var factor = Vector256.Create(KernelArrays.Narrow<T>(Math.Min(1 / settings.Temperature, largest)));
        for (var k = 0; k < count; k += Vector256<T>.Count)
            SimdRows.Store(shares, k, count, Exponential.Of(SimdRows.Load(shares, k, count) * factor));
    }

    /// <summary>The sum of the exponentials of a group, and the average of its scores with the exponentials as weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (double Total, double Mean) Average<T>(T* scores, T* shares, int size) where T : unmanaged
    {
        var (total, sum) = (0.0, 0.0);
        for (var k = 0; k < size; k++)
        {
            var share = KernelArrays.Widen(shares[k]);
            total += share;
            sum += share * KernelArrays.Widen(scores[k]);
        }
        return (total, sum / total);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Differentiate<T>(T* scores, T* shares, Settings settings, T slope, T* gradient) where T : unmanaged
    {
        var (total, mean) = Average(scores, shares, settings.Size);
        var (times, factor) = (KernelArrays.Widen(slope) / total, 1 / settings.Temperature);
        for (var k = 0; k < settings.Size; k++)
            gradient[k] = KernelArrays.Narrow<T>(
                KernelArrays.Widen(shares[k]) * times * (1 + (KernelArrays.Widen(scores[k]) - mean) * factor));
    }

    private readonly record struct Settings(int Size, double Temperature);
}
