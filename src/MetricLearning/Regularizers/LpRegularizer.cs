using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of ‖w‖_p.</summary>
internal sealed class LpRegularizer(double p) : Regularizer
{
    private readonly double p = Guard.Positive(p);

    protected override Tensor PenaltyCore(Tensor vectors) => RowLengths.Of(vectors, p).mean();
}
