using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Counts the kept entries of a row whose function value is not 0. NaN counts. The count has no gradient.</summary>
/// <param name="function">The function of an entry.</param>
internal sealed unsafe class MaskedCount<TFunction>(TFunction function) : MaskedReduction where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor x, Tensor mask) => (mask & (function.Apply(x.detach()) != S(0))).sum(1).to(x.dtype);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double Reduce<T>(T* x, byte* mask, int count)
    {
        var (f, number) = (function, 0);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var kept = SimdRows.LoadMask<T>(mask, i, count);
            if (kept == 0) continue;
            var zero = Vector256.Equals(f.Apply(SimdRows.Load(x, i, count)), Vector256<T>.Zero);
            number += BitOperations.PopCount(Vector256.AndNot(SimdRows.ExpandMask<T>(kept), zero).ExtractMostSignificantBits());
        }
        return number;
    }

    /// <inheritdoc/>
    public override void AddGradient<T>(T* x, byte* mask, int count, T value, T factor, T* to) { }
}
