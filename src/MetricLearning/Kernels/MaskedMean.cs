using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of the kept entries of a row, times a factor.</summary>
/// <param name="scale">The factor.</param>
/// <param name="empty">The value of a row that keeps no entry; its gradient is 0.</param>
internal sealed unsafe class MaskedMean(double scale, double empty) : MaskedReduction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask)
    {
        var counts = mask.sum(1);
        var means = RowMath.Keep(x, mask).sum(1) * S(scale) / counts.clamp_min(S(1));
        return means.masked_fill((counts == S(0)) & means.isnan().logical_not(), S(empty));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (sum, ordered) = (Vector256<double>.Zero, Vector256<T>.AllBitsSet);
        var number = 0;
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var values = SimdRows.Load(x, i, count);
            ordered &= Vector256.Equals(values, values);
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            number += BitOperations.PopCount(kept);
            sum += SimdRows.PartialSums(Vector256.ConditionalSelect(SimdRows.ExpandMask<T>(kept), values, Vector256<T>.Zero));
        }
        if (!SimdRows.AllTrue(ordered)) return double.NaN;
        return number == 0 ? empty : scale * Vector256.Sum(sum) / number;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var number = 0;
        for (var i = 0; i < count; i += Vector256<T>.Count) number += BitOperations.PopCount(SimdRows.LoadMask<T>(mask, i, count));
        var slope = Vector256.Create(factor * T.CreateTruncating(scale / Math.Max(1, number)));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept != 0) SimdRows.Add(to, i, count, Vector256.ConditionalSelect(SimdRows.ExpandMask<T>(kept), slope, Vector256<T>.Zero));
        }
    }
}
