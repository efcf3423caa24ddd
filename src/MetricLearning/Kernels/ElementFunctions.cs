using System.Numerics;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>A function that a loss applies to each entry of its matrix before it reduces a row.</summary>
internal interface IElementFunction
{
    /// <summary>The function of a vector of entries.</summary>
    Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>The derivative that the backward pass uses. It differs from the function's own derivative if the loss detaches a
    /// factor.</summary>
    Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>The same function by tensor operations, with gradient.</summary>
    Tensor Apply(Tensor x);
}

/// <summary><c>scale·x + offset</c>.</summary>
internal readonly struct Affine(double scale, double offset = 0) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusOffset = new(offset);

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        x * timesScale.Broadcast<T>() + plusOffset.Broadcast<T>();

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        timesScale.Broadcast<T>();

    public Tensor Apply(Tensor x) => S(scale) * x + S(offset);
}

/// <summary><c>scale·cos θ</c>, where x is the chord <c>2 sin ½θ</c>: <c>scale·(1 − x²/2)</c>.</summary>
internal readonly struct ChordToCosine(double scale) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale);

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        (Vector256<T>.One - x * x * T.CreateTruncating(0.5)) * timesScale.Broadcast<T>();

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => -x * timesScale.Broadcast<T>();

    public Tensor Apply(Tensor x) => S(scale) * (S(1) - x.pow(S(2)) / S(2));
}

/// <summary><c>scale·[aim + sign·x]₊·(center − x)</c>. The middle factor has no gradient: it weights a pair by its distance from the
/// aim.</summary>
internal readonly struct SelfPaced(double scale, double aim, double sign, double center) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusAim = new(aim), timesSign = new(sign), fromCenter = new(center);

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Weight(x) * (fromCenter.Broadcast<T>() - x);

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => -Weight(x);

    public Tensor Apply(Tensor x) => S(scale) * relu(S(aim) + S(sign) * x.detach()) * (S(center) - x);

    private Vector256<T> Weight<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var gap = x * timesSign.Broadcast<T>() + plusAim.Broadcast<T>();
        gap = Vector256.ConditionalSelect(Vector256.GreaterThan(gap, Vector256<T>.Zero), gap, Vector256<T>.Zero);
        return gap * timesScale.Broadcast<T>();
    }
}

/// <summary><c>[scale·x + offset]₊</c>, or the square of it.</summary>
internal readonly struct HingeFunction(double scale, double offset, bool squared) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusOffset = new(offset);

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var above = Above(x);
        return squared ? above * above : above;
    }

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var above = Above(x);
        var slope = squared ? above + above : Vector256.GreaterThan(above, Vector256<T>.Zero) & Vector256<T>.One;
        return slope * timesScale.Broadcast<T>();
    }

    public Tensor Apply(Tensor x)
    {
        var above = relu(S(scale) * x + S(offset));
        return squared ? above.pow(S(2)) : above;
    }

    private Vector256<T> Above<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var by = x * timesScale.Broadcast<T>() + plusOffset.Broadcast<T>();
        return Vector256.ConditionalSelect(Vector256.LessThan(by, Vector256<T>.Zero), Vector256<T>.Zero, by);
    }
}

/// <summary><c>scale·x</c>, with x kept in [−limit, limit].</summary>
internal readonly struct ClampedScale(double scale, double limit) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), high = new(limit), low = new(-limit);

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        // Neither comparison holds for NaN, which stays NaN.
        x = Vector256.ConditionalSelect(Vector256.GreaterThan(x, high.Broadcast<T>()), high.Broadcast<T>(), x);
        return Vector256.ConditionalSelect(Vector256.LessThan(x, low.Broadcast<T>()), low.Broadcast<T>(), x) * timesScale.Broadcast<T>();
    }

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Vector256.LessThanOrEqual(Vector256.Abs(x), high.Broadcast<T>()) & timesScale.Broadcast<T>();

    public Tensor Apply(Tensor x) => S(scale) * x.clamp(S(-limit), S(limit));
}

/// <summary><c>scale·x·(t + x)</c> where x is above a limit, else <c>scale·x</c>.</summary>
internal readonly struct HardClasses(double scale, double limit, double t) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), above = new(limit), plusT = new(t);

    /// <summary>Logits with a limit for each row.</summary>
    /// <param name="scale">The factor on all logits.</param>
    /// <param name="limits">[N], without gradient.</param>
    /// <param name="t">A scalar of the same type, without gradient.</param>
    public static OtherLogits Of(double scale, Tensor limits, Tensor t)
    {
        // The kernel runs on the CPU only, so another device need not be waited for.
        var (each, shift) = SimdRows.Supports(limits)
            ? (TensorMemory.Copy<double>(limits.to(ScalarType.Float64)), t.to(ScalarType.Float64).item<double>()) : ([], 0);
        return new OtherLogits<HardClasses>(row => new(scale, each[row], shift),
            x => S(scale) * where(x > limits.unsqueeze(1), x * x.Plus(t), x));
    }

    public Vector256<T> Apply<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        x * Vector256.ConditionalSelect(IsHard(x), x + plusT.Broadcast<T>(), Vector256<T>.One) * timesScale.Broadcast<T>();

    public Vector256<T> Derivative<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Vector256.ConditionalSelect(IsHard(x), x + x + plusT.Broadcast<T>(), Vector256<T>.One) * timesScale.Broadcast<T>();

    public Tensor Apply(Tensor x) => S(scale) * where(x > S(limit), x * x.Plus(S(t)), x);

    private Vector256<T> IsHard<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Vector256.GreaterThan(x, above.Broadcast<T>());
}
