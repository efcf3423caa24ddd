using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Computes soft histograms: a value between two nodes is shared between them.</summary>
internal static class SoftHistogram
{
    /// <summary>
    /// Computes for values measured in bins the node below (int64, in [0, bins − 1], so that the node above exists) and the share of the
    /// node above, with gradient. A value outside [0, bins] extrapolates its last two nodes linearly. NaN has the lowest node and the share
    /// NaN.
    /// </summary>
    public static (Tensor Lower, Tensor Share) Bins(Tensor values, int bins)
    {
        var lower = values.detach().nan_to_num(0).floor().clamp(S(0), S(bins - 1));
        return (lower.to(ScalarType.Int64), values - lower);
    }
}
