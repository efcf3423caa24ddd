using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>The cost of a triplet: <c>[v]₊</c>, or <c>log(1 + exp v)</c>, of <c>v = f·d(a,p) − g·d(a,n) + m</c>.</summary>
/// <param name="Near">f.</param>
/// <param name="Far">g.</param>
/// <param name="Margin">The margin m.</param>
/// <param name="Soft">Whether softplus replaces the hinge.</param>
internal readonly record struct TripletCost(double Near, double Far, double Margin, bool Soft)
{
    /// <summary>Computes the costs from d(a,p) and d(a,n) by tensor operations.</summary>
    public Tensor Of(Tensor near, Tensor far)
    {
        var violation = S(Near) * near - S(Far) * far + S(Margin);
        return Soft ? RowMath.Softplus(violation) : relu(violation);
    }

    /// <summary>The cost of one triplet and its derivative in v.</summary>
    public (double Cost, double Slope) Of(double near, double far)
    {
        var v = Near * near - Far * far + Margin;
        if (!Soft) return v <= 0 ? (0, 0) : (v, 1);
        return (Math.Max(v, 0) + double.LogP1(Math.Exp(-Math.Abs(v))), 1 / (1 + Math.Exp(-v)));
    }
}
