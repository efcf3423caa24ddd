using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The generalized mean of each channel: <c>(mean max(x, ε)^p)^(1/p)</c>; p = 1 is the average, p → ∞ the maximum.</summary>
/// <remarks>
/// It is computed relative to each channel's maximum, so that no power overflows or becomes 0. Half precision is computed in float32 and
/// converted back. Radenović, Tolias, Chum, <i>Fine-tuning CNN Image Retrieval with No Human Annotation</i>, TPAMI 2019; defaults as in
/// fast-reid.
/// </remarks>
public sealed class GeMPooling : Pooling, IGraphLayer
{
    private readonly Parameter? p;
    private readonly double exponent;
    private readonly double epsilon;

    /// <summary>Sets up the pooling.</summary>
    /// <param name="exponent">p; its start value if it is learned. Default: 3.</param>
    /// <param name="epsilon">ε: smaller values of the map are replaced by it. Default: 1e-6.</param>
    /// <param name="learnable">Whether p is a learned parameter (of shape [1], named <c>p</c>) or fixed. Default: learned.</param>
    /// <exception cref="ArgumentOutOfRangeException">p or ε is not a finite number greater than zero.</exception>
    public GeMPooling(double exponent = 3, double epsilon = 1e-6, bool learnable = true) : base(nameof(GeMPooling))
    {
        this.exponent = Guard.Positive(exponent);
        this.epsilon = Math.Max(Guard.Positive(epsilon), float.Epsilon);
        if (learnable) p = nn.Parameter(full([1], S(exponent)));
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override Tensor Pool(Tensor map)
    {
        var wide = map.dtype is ScalarType.Float16 or ScalarType.BFloat16 ? map.to(ScalarType.Float32) : map;
        var clamped = wide.clamp_min(S(epsilon));
        // The value does not depend on this divisor, so it needs no gradient.
        var largest = clamped.detach().amax([2, 3], keepdim: true);
        var shares = clamped / largest;
        var power = p is null ? null : p.to(wide.dtype);
        var mean = (power is null ? shares.pow(S(exponent)) : shares.pow(power)).mean([2, 3]);
        var root = power is null ? mean.pow(S(1 / exponent)) : mean.pow(power.reciprocal());
        return (largest.flatten(1) * root).to(map.dtype);
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue map)
    {
        var power = p is null ? graph.Constant(exponent) : graph.Weight(this, nameof(p));
        var reciprocal = p is null ? graph.Constant(1 / exponent) : graph.Divide(graph.Constant(1), power);
        var clamped = graph.Clamp(map, epsilon, null);
        var largest = graph.Maximum(clamped, [2, 3]);
        var shares = graph.Divide(clamped, graph.Reshape(largest, 0, graph.Size(map, 1), 1, 1));
        return graph.Multiply(largest, graph.Power(graph.Mean(graph.Power(shares, power), [2, 3]), reciprocal));
    }
}
