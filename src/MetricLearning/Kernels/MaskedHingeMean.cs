using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The weighted mean of the hinges <c>c = [scale·x + offset]₊</c> of the kept entries of a row: <c>Σ w·c / (Σ w + added)</c> with
/// <c>w = exp(temperature·c)</c> where c is above 0, else w = 0.</summary>
/// <param name="hinge">c.</param>
/// <param name="temperature">0 or greater.</param>
/// <param name="addedPerColumn">A number that is added to the sum of the weights, once for each column of the matrix. With it, a row
/// without hinges above 0 gives 0.</param>
/// <param name="above">Entries at or below this value are not kept. NaN is kept.</param>
internal sealed unsafe class MaskedHingeMean(HingeFunction hinge, double temperature, double addedPerColumn,
    double above = double.NegativeInfinity) : MaskedReduction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask)
    {
        var hinges = hinge.Apply(x);
        var kept = (mask & (x <= S(above)).logical_not() & (hinges <= S(0)).logical_not()) | x.isnan();
        var costs = hinges.masked_fill(kept.logical_not(), S(0));
        // The largest exponent is subtracted from all, so that no exp exceeds 1. It cancels in the quotient.
        var greatest = (S(temperature) * costs).detach().amax([1], keepdim: true);
        var weights = (S(temperature) * costs - greatest).exp() * kept;
        return (weights * costs).sum(1) / weights.sum(1).Plus((S(addedPerColumn * x.size(1)) * (-greatest).exp()).squeeze(1));
    }

    /// <inheritdoc/>
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (greatest, ordered) = Greatest(x, mask, count);
        if (!ordered) return double.NaN;
        var (weights, sum) = Sums(x, mask, count, greatest);
        return sum / weights;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (f, rate, greatest) = (hinge, Vector256.Create(T.CreateTruncating(temperature)), Greatest(x, mask, count).Cost);
        var weights = Sums(x, mask, count, greatest).Weights;
        var (top, mean) = (Vector256.Create(greatest), Vector256.Create(value));
        var times = Vector256.Create(factor / T.CreateTruncating(weights));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var mine = SimdRows.LoadMask<T>(mask, i, count);
            if (mine == 0) continue;
            var values = SimdRows.Load(x, i, count);
            var costs = f.Apply(values);
            var slopes = Exponential.Of((costs - top) * rate) * (Vector256<T>.One + (costs - mean) * rate) * f.Derivative(values);
            SimdRows.Add(to, i, count, Kept(mine, values, costs) & (slopes * times));
        }
    }

    /// <summary>The greatest hinge, and whether no entry of the row is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (T Cost, bool Ordered) Greatest<T>(T* x, byte* mask, int count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (f, best, ordered) = (hinge, Vector256<T>.Zero, Vector256<T>.AllBitsSet);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var values = SimdRows.Load(x, i, count);
            ordered &= Vector256.Equals(values, values);
            var mine = SimdRows.LoadMask<T>(mask, i, count);
            if (mine == 0) continue;
            var costs = f.Apply(values);
            best = Vector256.ConditionalSelect(Kept(mine, values, costs) & Vector256.GreaterThan(costs, best), costs, best);
        }
        return (SimdRows.Max(best), SimdRows.AllTrue(ordered));
    }

    /// <summary>Σ w plus what is added to it, and Σ w·c, where w is relative to that of the greatest hinge; in float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Weights, double Sum) Sums<T>(T* x, byte* mask, int count, T greatest)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (f, rate, top) = (hinge, Vector256.Create(T.CreateTruncating(temperature)), Vector256.Create(greatest));
        var (weights, sum) = (Vector256<double>.Zero, Vector256<double>.Zero);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var mine = SimdRows.LoadMask<T>(mask, i, count);
            if (mine == 0) continue;
            var values = SimdRows.Load(x, i, count);
            var costs = f.Apply(values);
            var weight = Kept(mine, values, costs) & Exponential.Of((costs - top) * rate);
            weights += SimdRows.PartialSums(weight);
            sum += SimdRows.PartialSums(weight * costs);
        }
        return (Vector256.Sum(weights) + addedPerColumn * count * Math.Exp(-temperature * double.CreateTruncating(greatest)),
            Vector256.Sum(sum));
    }

    /// <summary>The entries that the mask keeps, that are above the bound, and whose hinge is above 0.</summary>
    private Vector256<T> Kept<T>(ulong mine, Vector256<T> values, Vector256<T> costs) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        SimdRows.ExpandMask<T>(mine) & Vector256.GreaterThan(values, Vector256.Create(T.CreateTruncating(above)))
            & Vector256.GreaterThan(costs, Vector256<T>.Zero);
}
