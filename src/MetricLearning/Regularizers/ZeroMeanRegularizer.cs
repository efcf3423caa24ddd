using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of |Σ_d w_d|.</summary>
internal sealed class ZeroMeanRegularizer : Regularizer
{
    protected override Tensor PenaltyCore(Tensor vectors) => vectors.sum(1).abs().mean();
}
