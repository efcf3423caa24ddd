using System.Numerics;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>What a loss makes of an entry of its matrix before it sums.</summary>
internal interface IElementFunction
{
    /// <summary>What is made of a vector of entries.</summary>
    Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Its derivative, as it is meant to flow.</summary>
    Vector256<T> Slope<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>The same by tensor operations, with gradient.</summary>
    Tensor Of(Tensor x);
}

/// <summary><c>scale·x + offset</c>.</summary>
internal readonly struct Affine(double scale, double offset = 0) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusOffset = new(offset);

    public Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        x * timesScale.Of<T>() + plusOffset.Of<T>();

    public Vector256<T> Slope<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        timesScale.Of<T>();

    public Tensor Of(Tensor x) => S(scale) * x + S(offset);
}

/// <summary><c>scale·cos θ</c> of a chord <c>x = 2 sin ½θ</c>.</summary>
internal readonly struct ChordToCosine(double scale) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale);

    public Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        (Vector256<T>.One - x * x * T.CreateTruncating(0.5)) * timesScale.Of<T>();

    public Vector256<T> Slope<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => -x * timesScale.Of<T>();

    public Tensor Of(Tensor x) => S(scale) * (S(1) - x.pow(S(2)) / S(2));
}

/// <summary><c>scale·[aim + sign·x]₊·(center − x)</c>, the middle factor without gradient: pairs far from their aim weigh more.</summary>
internal readonly struct SelfPaced(double scale, double aim, double sign, double center) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusAim = new(aim), timesSign = new(sign), fromCenter = new(center);

    public Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Weight(x) * (fromCenter.Of<T>() - x);

    public Vector256<T> Slope<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T> => -Weight(x);

    public Tensor Of(Tensor x) => S(scale) * relu(S(aim) + S(sign) * x.detach()) * (S(center) - x);

    private Vector256<T> Weight<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var gap = x * timesSign.Of<T>() + plusAim.Of<T>();
        gap = Vector256.ConditionalSelect(Vector256.GreaterThan(gap, Vector256<T>.Zero), gap, Vector256<T>.Zero);
        return gap * timesScale.Of<T>();
    }
}

/// <summary><c>[scale·x + offset]₊</c>, or its square.</summary>
internal readonly struct HingeFunction(double scale, double offset, bool squared) : IElementFunction
{
    private readonly VectorConstant timesScale = new(scale), plusOffset = new(offset);

    public Vector256<T> Of<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var above = Above(x);
        return squared ? above * above : above;
    }

    public Vector256<T> Slope<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var above = Above(x);
        var slope = squared ? above + above : Vector256.GreaterThan(above, Vector256<T>.Zero) & Vector256<T>.One;
        return slope * timesScale.Of<T>();
    }

    public Tensor Of(Tensor x)
    {
        var above = relu(S(scale) * x + S(offset));
        return squared ? above.pow(S(2)) : above;
    }

    private Vector256<T> Above<T>(Vector256<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var by = x * timesScale.Of<T>() + plusOffset.Of<T>();
        return Vector256.ConditionalSelect(Vector256.LessThan(by, Vector256<T>.Zero), Vector256<T>.Zero, by);
    }
}
