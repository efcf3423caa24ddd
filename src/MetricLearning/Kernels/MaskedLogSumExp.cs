using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>log Σ exp of the logits that are made of the kept entries of a row.</summary>
/// <param name="logit">What is made of an entry.</param>
/// <param name="empty">The number of a row that keeps nothing, with a gradient of 0.</param>
internal sealed unsafe class MaskedLogSumExp<TFunction>(TFunction logit, double empty = double.NegativeInfinity) : MaskedReduction
    where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask)
    {
        var logits = logit.Of(x);
        var kept = mask | logits.isnan();
        var none = kept.any(1, keepdim: true).logical_not();
        var sums = logits.masked_fill(kept.logical_not(), S(double.NegativeInfinity)).masked_fill(none, S(0)).logsumexp(1);
        return sums.masked_fill(none.squeeze(1), S(empty));
    }

    /// <inheritdoc/>
    public override double Of<T>(T* x, byte* mask, int count)
    {
        var (form, lowest) = (logit, Vector256.Create(T.NegativeInfinity));
        var (best, ordered, any) = (lowest, Vector256<T>.AllBitsSet, 0UL);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var logits = form.Of(SimdRows.Load(x, i, count));
            ordered &= Vector256.Equals(logits, logits);
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept == 0) continue;
            any |= kept;
            logits = Vector256.ConditionalSelect(SimdRows.Mask<T>(kept), logits, lowest);
            best = Vector256.ConditionalSelect(Vector256.GreaterThan(logits, best), logits, best);
        }
        if (!SimdRows.All(ordered)) return double.NaN;
        if (any == 0) return empty;
        var largest = SimdRows.Largest(best);
        if (T.IsInfinity(largest)) return double.CreateTruncating(largest);
        var (top, sum) = (Vector256.Create(largest), Vector256<double>.Zero);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept == 0) continue;
            var logits = Vector256.ConditionalSelect(SimdRows.Mask<T>(kept), form.Of(SimdRows.Load(x, i, count)) - top, lowest);
            sum += SimdRows.Widened(Exponential.Of(logits));
        }
        return double.CreateTruncating(largest) + Math.Log(Vector256.Sum(sum));
    }

    /// <inheritdoc/>
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (form, all, times) = (logit, Vector256.Create(value), Vector256.Create(T.IsFinite(value) ? factor : T.NaN));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept == 0) continue;
            var values = SimdRows.Load(x, i, count);
            var parts = Exponential.Of(form.Of(values) - all) * form.Slope(values) * times;
            SimdRows.Add(to, i, count, SimdRows.Mask<T>(kept) & parts);
        }
    }
}
