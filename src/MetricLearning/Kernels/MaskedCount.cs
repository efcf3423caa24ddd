using System.Numerics;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Of how many kept entries of a row what is made is not 0. It has no gradient, and NaN counts as an entry.</summary>
internal sealed unsafe class MaskedCount<TFunction>(TFunction entry) : MaskedReduction where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask) => (mask & (entry.Of(x.detach()) != S(0))).sum(1).to(x.dtype);

    /// <inheritdoc/>
    public override double Of<T>(T* x, byte* mask, int count)
    {
        var (form, number) = (entry, 0);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.Kept<T>(mask, i, count);
            if (kept == 0) continue;
            var zero = Vector256.Equals(form.Of(SimdRows.Load(x, i, count)), Vector256<T>.Zero);
            number += BitOperations.PopCount(Vector256.AndNot(SimdRows.Mask<T>(kept), zero).ExtractMostSignificantBits());
        }
        return number;
    }

    /// <inheritdoc/>
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to) { }
}
