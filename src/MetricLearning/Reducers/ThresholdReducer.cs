using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean over the values in the open interval (low, high); NaN is never left out.</summary>
internal sealed class ThresholdReducer(double low, double high = double.PositiveInfinity) : Reducer
{
    protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
    {
        var outside = (term.Values <= S(low)) | (term.Values >= S(high));
        return term.Values.masked_fill(outside, S(0)).sum() / outside.logical_not().sum().clamp_min(S(1));
    }
}
