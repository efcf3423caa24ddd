using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The sum of what is made of the kept entries of a row; 0 where none is kept.</summary>
internal sealed unsafe class MaskedSum<TFunction>(TFunction entry) : MaskedReduction where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask) => RowMath.Keep(entry.Of(x), mask).sum(1);

    /// <inheritdoc/>
    public override double Of<T>(T* x, byte* mask, int count)
    {
        var (form, sum, ordered) = (entry, Vector256<double>.Zero, Vector256<T>.AllBitsSet);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var values = SimdRows.Load(x, i, count);
            ordered &= Vector256.Equals(values, values);
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept != 0) sum += SimdRows.Widened(SimdRows.Mask<T>(kept) & form.Of(values));
        }
        return SimdRows.All(ordered) ? Vector256.Sum(sum) : double.NaN;
    }

    /// <inheritdoc/>
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to)
    {
        var (form, times) = (entry, Vector256.Create(factor));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept != 0) SimdRows.Add(to, i, count, SimdRows.Mask<T>(kept) & (form.Slope(SimdRows.Load(x, i, count)) * times));
        }
    }
}
