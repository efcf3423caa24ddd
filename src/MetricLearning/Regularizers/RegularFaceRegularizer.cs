using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of each vector's greatest cosine to another; 0 if there is no other.</summary>
internal sealed class RegularFaceRegularizer : Regularizer
{
    protected override Tensor PenaltyCore(Tensor vectors)
    {
        if (vectors.size(0) == 1) return (vectors * S(0)).sum();
        var unit = RowMath.Unit(vectors);
        var itself = eye(vectors.size(0), dtype: ScalarType.Bool, device: vectors.device);
        return Product.Of(unit, unit).masked_fill(itself, S(double.NegativeInfinity)).max(1).values.mean();
    }
}
