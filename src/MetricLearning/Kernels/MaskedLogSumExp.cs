using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>log Σ exp(f(x))</c> over the kept entries x of a row.</summary>
/// <param name="logit">f, which makes a logit of an entry.</param>
/// <param name="empty">The value of a row that keeps no entry; its gradient is 0.</param>
internal sealed unsafe class MaskedLogSumExp<TFunction>(TFunction logit, double empty = double.NegativeInfinity) : MaskedReduction
    where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask)
    {
        var logits = logit.Apply(x);
        var kept = mask | logits.isnan();
        var none = kept.any(1, keepdim: true).logical_not();
        var sums = logits.masked_fill(kept.logical_not(), S(double.NegativeInfinity)).masked_fill(none, S(0)).logsumexp(1);
        return sums.masked_fill(none.squeeze(1), S(empty));
    }

    /// <inheritdoc/>
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (largest, ordered, any) = Largest(x, mask, count);
        if (!ordered) return double.NaN;
        if (!any) return empty;
        if (T.IsInfinity(largest)) return double.CreateTruncating(largest);
        return double.CreateTruncating(largest) + Math.Log(SumOfExponentials(x, mask, count, largest));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (f, all, times) = (logit, Vector256.Create(value), Vector256.Create(T.IsFinite(value) ? factor : T.NaN));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var values = SimdRows.Load(x, i, count);
            var parts = Exponential.Of(f.Apply(values) - all) * f.Derivative(values) * times;
            SimdRows.Add(to, i, count, SimdRows.ExpandMask<T>(kept) & parts);
        }
    }

    /// <summary>The largest kept logit, whether no logit of the row is NaN, and whether any entry is kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (T Largest, bool Ordered, bool Any) Largest<T>(T* x, byte* mask, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (f, lowest) = (logit, Vector256.Create(T.NegativeInfinity));
        var (best, ordered, any) = (lowest, Vector256<T>.AllBitsSet, 0UL);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var logits = f.Apply(SimdRows.Load(x, i, count));
            ordered &= Vector256.Equals(logits, logits);
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            any |= kept;
            logits = Vector256.ConditionalSelect(SimdRows.ExpandMask<T>(kept), logits, lowest);
            best = Vector256.ConditionalSelect(Vector256.GreaterThan(logits, best), logits, best);
        }
        return (SimdRows.Max(best), SimdRows.AllTrue(ordered), any != 0);
    }

    /// <summary><c>Σ exp(f(x) − largest)</c> over the kept entries, summed in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private double SumOfExponentials<T>(T* x, byte* mask, int count, T largest) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (f, lowest) = (logit, Vector256.Create(T.NegativeInfinity));
        var (top, sum) = (Vector256.Create(largest), Vector256<double>.Zero);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var logits = Vector256.ConditionalSelect(SimdRows.ExpandMask<T>(kept), f.Apply(SimdRows.Load(x, i, count)) - top, lowest);
            sum += SimdRows.PartialSums(Exponential.Of(logits));
        }
        return Vector256.Sum(sum);
    }
}
