using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The sum of a function over the kept entries of a row; 0 if none is kept.</summary>
/// <param name="function">The function of an entry.</param>
internal sealed unsafe class MaskedSum<TFunction>(TFunction function) : MaskedReduction where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask) => RowMath.Keep(function.Apply(x), mask).sum(1);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (f, sum, ordered) = (function, Vector256<double>.Zero, Vector256<T>.AllBitsSet);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var values = SimdRows.Load(x, i, count);
            ordered &= Vector256.Equals(values, values);
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept != 0) sum += SimdRows.PartialSums(SimdRows.ExpandMask<T>(kept) & f.Apply(values));
        }
        return SimdRows.AllTrue(ordered) ? Vector256.Sum(sum) : double.NaN;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (f, times) = (function, Vector256.Create(factor));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept != 0) SimdRows.Add(to, i, count, SimdRows.ExpandMask<T>(kept) & (f.Derivative(SimdRows.Load(x, i, count)) * times));
        }
    }
}
