using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of (‖w‖² − mean ‖w‖²)² / 4.</summary>
internal sealed class CenterInvariantRegularizer : Regularizer
{
    protected override Tensor PenaltyCore(Tensor vectors)
    {
        var squares = vectors.pow(S(2)).sum(1);
        return (squares - squares.mean()).pow(S(2)).mean() / S(4);
    }
}
