using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes the logits of the classes that a row does not belong to, and reduces them. NaN anywhere in the row gives
/// NaN.</summary>
internal abstract unsafe class OtherLogits
{
    /// <summary>The scores are the logits.</summary>
    public static OtherLogits Same { get; } = Of(new Affine(1));

    /// <summary>Logits that are one function of the scores.</summary>
    public static OtherLogits Of<TFunction>(TFunction function) where TFunction : struct, IElementFunction =>
        new OtherLogits<TFunction>(_ => function, function.Apply);

    /// <summary>The logits by tensor operations, with gradient: [N, C] → [N, C]. The entries of the own classes are not used.</summary>
    public abstract Tensor Plain(Tensor scores);

    /// <summary>The maximum of the other classes' logits, and the log-sum-exp and the sum of these logits minus the maximum. If there is no
    /// other class, the maximum is 0 and the log-sum-exp is −∞. If a logit is +∞, the log-sum-exp is NaN.</summary>
    /// <param name="row">The number of the row.</param>
    /// <param name="x">Its scores.</param>
    /// <param name="count">C.</param>
    /// <param name="own">The class of the row.</param>
    /// <param name="withSum">Whether the sum is needed. If it is not, 0 takes its place.</param>
    public abstract (double Top, double LogSum, double Sum) Reduce<T>(int row, T* x, int count, int own, bool withSum)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Writes the gradient with respect to the scores of the other classes. The entry of the own class becomes 0.</summary>
    /// <param name="row">The number of the row.</param>
    /// <param name="x">Its scores.</param>
    /// <param name="count">C.</param>
    /// <param name="own">The class of the row.</param>
    /// <param name="top">The greatest logit.</param>
    /// <param name="logSum">The log-sum-exp; not NaN.</param>
    /// <param name="slope">The incoming gradient of the log-sum-exp.</param>
    /// <param name="sumSlope">The incoming gradient of the sum.</param>
    /// <param name="to">C entries; may be the scores themselves.</param>
    public abstract void WriteGradient<T>(int row, T* x, int count, int own, double top, double logSum, double slope,
        double sumSlope, T* to)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}

/// <summary>Logits that are a function of the scores. Each row may have its own function.</summary>
/// <param name="ofRow">The function of a row; called on the CPU only.</param>
/// <param name="plain">The same by tensor operations.</param>
internal sealed unsafe class OtherLogits<TFunction>(Func<int, TFunction> ofRow, Func<Tensor, Tensor> plain) : OtherLogits
    where TFunction : struct, IElementFunction
{
    /// <inheritdoc/>
    public override Tensor Plain(Tensor scores) => plain(scores);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override (double Top, double LogSum, double Sum) Reduce<T>(int row, T* x, int count, int own, bool withSum)
    {
        var f = ofRow(row);
        var lowest = Vector256.Create(T.NegativeInfinity);
        var (best, ordered) = (lowest, Vector256<T>.AllBitsSet);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var logits = f.Apply(SimdRows.Load(x, i, count));
            if (HasGap<T>(i, count, own)) logits = Vector256.ConditionalSelect(Kept<T>(i, count, own), logits, lowest);
            ordered &= Vector256.Equals(logits, logits);
            best = Vector256.ConditionalSelect(Vector256.GreaterThan(logits, best), logits, best);
        }
        var largest = SimdRows.Max(best);
        if (!SimdRows.AllTrue(ordered) || T.IsPositiveInfinity(largest)) return (0, double.NaN, double.NaN);
        if (T.IsNegativeInfinity(largest)) return (0, double.NegativeInfinity, withSum && count > 1 ? double.NegativeInfinity : 0);
        var (top, total, rest) = (Vector256.Create(largest), Vector256<double>.Zero, Vector256<double>.Zero);
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var logits = f.Apply(SimdRows.Load(x, i, count)) - top;
            var shares = Exponential.Of(logits);
            if (HasGap<T>(i, count, own)) (logits, shares) = (logits & Kept<T>(i, count, own), shares & Kept<T>(i, count, own));
            total += SimdRows.PartialSums(shares);
            if (withSum) rest += SimdRows.PartialSums(logits);
        }
        return (double.CreateTruncating(largest), Math.Log(Vector256.Sum(total)), Vector256.Sum(rest));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WriteGradient<T>(int row, T* x, int count, int own, double top, double logSum, double slope,
        double sumSlope, T* to)
    {
        var f = ofRow(row);
        var none = slope == 0 || double.IsNegativeInfinity(logSum);
        var greatest = Vector256.Create(T.CreateTruncating(top));
        var times = Vector256.Create(T.CreateTruncating(slope * Math.Exp(-logSum)));
        var plus = Vector256.Create(T.CreateTruncating(sumSlope));
        for (var i = 0; i < count; i += Vector256<T>.Count)
        {
            var scores = SimdRows.Load(x, i, count);
            var shares = none ? plus : Exponential.Of(f.Apply(scores) - greatest) * times + plus;
            var gradient = shares * f.Derivative(scores);
            if (HasGap<T>(i, count, own)) gradient &= Kept<T>(i, count, own);
            SimdRows.Store(to, i, count, gradient);
        }
    }

    /// <summary>Whether a vector of the row has the entry of the own class, or runs past the end of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasGap<T>(int i, int count, int own) where T : unmanaged =>
        (uint)(own - i) < (uint)Vector256<T>.Count || count - i < Vector256<T>.Count;

    /// <summary>A mask of the entries of a vector that belong to other classes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Kept<T>(int i, int count, int own) where T : unmanaged
    {
        if (Vector256<T>.Count == 8)
        {
            var places = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) + Vector256.Create(i);
            return Vector256.AndNot(Vector256.LessThan(places, Vector256.Create(count)), Vector256.Equals(places, Vector256.Create(own)))
                .As<int, T>();
        }
        var wide = Vector256.Create(0L, 1, 2, 3) + Vector256.Create((long)i);
        var inside = Vector256.LessThan(wide, Vector256.Create((long)count));
        return Vector256.AndNot(inside, Vector256.Equals(wide, Vector256.Create((long)own))).As<long, T>();
    }
}
