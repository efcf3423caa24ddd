using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of the kept entries of a row, weighted by the softmax of the entries or of their negatives:
/// <c>Σ w·x / (Σ w + added)</c> with <c>w = exp(sign·x − top)</c>.</summary>
/// <param name="sign">1 or −1.</param>
/// <param name="added">A small number added to the sum of the weights, so that a row that keeps no entry gives 0.</param>
/// <remarks>The top is the largest <c>sign·x</c> of the row. An entry that is not kept counts as 0 here. Because of
/// <paramref name="added"/> the value depends on the top, so the top has a gradient.</remarks>
internal sealed unsafe class MaskedSoftmaxMean(int sign, double added) : MaskedReduction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask)
    {
        var kept = x.masked_fill((mask | x.isnan()).logical_not(), S(0));
        var scores = S(sign) * kept;
        var weights = (scores - scores.amax([1], keepdim: true)).exp() * mask;
        return (kept * (weights / (weights.sum(1, keepdim: true) + S(added)))).sum(1);
    }

    /// <inheritdoc/>
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (top, ordered) = FindTop(x, mask, count);
        if (!ordered || T.IsInfinity(top)) return double.NaN;
        var (weights, sum) = Sums(x, mask, count, top);
        return sum / (weights + added);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (top, _) = FindTop(x, mask, count);
        var all = T.CreateTruncating(Sums(x, mask, count, top).Weights + added);
        var signs = Vector256.Create(T.CreateTruncating(sign));
        var (times, mean, highest, lowest) = (Vector256.Create(factor / all), Vector256.Create(value), Vector256.Create(top),
            Vector256.Create(T.NegativeInfinity));
        // The gradient of the top is shared evenly by the entries that are equal to it.
        var topSlope = Vector256.Create(
            -value * T.CreateTruncating(sign * added) / T.CreateTruncating(CountTies(x, mask, count, top)));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var (values, lanes) = (SimdRows.Load(x, i, count), SimdRows.ExpandMask<T>(kept));
            var scores = Vector256.ConditionalSelect(lanes, values * signs, lowest);
            var slope = Exponential.Of(scores - highest) * (Vector256<T>.One + (values - mean) * signs);
            SimdRows.Add(to, i, count, lanes & ((slope + (Vector256.Equals(scores, highest) & topSlope)) * times));
        }
    }

    /// <summary>The top, and whether no entry of the row is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (T Top, bool Ordered) FindTop<T>(T* x, byte* mask, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var signs = Vector256.Create(T.CreateTruncating(sign));
        var (best, ordered, number) = (Vector256.Create(T.NegativeInfinity), Vector256<T>.AllBitsSet, 0);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var values = SimdRows.Load(x, i, count);
            ordered &= Vector256.Equals(values, values);
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            number += BitOperations.PopCount(kept);
            var scores = values * signs;
            best = Vector256.ConditionalSelect(SimdRows.ExpandMask<T>(kept) & Vector256.GreaterThan(scores, best), scores, best);
        }
        var top = SimdRows.Max(best);
        return (number < count && top < T.Zero ? T.Zero : top, SimdRows.AllTrue(ordered));
    }

    /// <summary>Σ w and Σ w·x over the kept entries, in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Weights, double Sum) Sums<T>(T* x, byte* mask, int count, T top) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (signs, highest, lowest) = (Vector256.Create(T.CreateTruncating(sign)), Vector256.Create(top),
            Vector256.Create(T.NegativeInfinity));
        var (weights, sum) = (Vector256<double>.Zero, Vector256<double>.Zero);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var (values, lanes) = (SimdRows.Load(x, i, count), SimdRows.ExpandMask<T>(kept));
            var weight = Exponential.Of(Vector256.ConditionalSelect(lanes, values * signs - highest, lowest));
            weights += SimdRows.PartialSums(weight);
            sum += SimdRows.PartialSums(weight * (lanes & values));
        }
        return (Vector256.Sum(weights), Vector256.Sum(sum));
    }

    /// <summary>The number of entries that are equal to the top.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int CountTies<T>(T* x, byte* mask, int count, T top) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var number = 0;
        for (var i = 0; i < count; i++)
            if ((mask[i] != 0 ? x[i] * T.CreateTruncating(sign) : T.Zero) == top) number++;
        return number;
    }
}
