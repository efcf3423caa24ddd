using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean over the values in the open interval (low, high); NaN is never left out.</summary>
internal sealed class ThresholdReducer(double low, double high = double.PositiveInfinity) : Reducer
{
    private readonly double low = Guard.NotNaN(low), high = Guard.NotNaN(high);

    /// <summary>If no value is below 0, sums are enough for the mean of the values above 0. Other intervals need each value.</summary>
    internal override bool TakesSums(bool signed) => !signed && low == 0 && double.IsPositiveInfinity(high);

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
    {
        if (term.ActiveCounts is { } active) return term.Values.sum() / active.sum().clamp_min(S(1));
        var outside = (term.Values <= S(low)) | (term.Values >= S(high));
        return term.Values.masked_fill(outside, S(0)).sum() / outside.logical_not().sum().clamp_min(S(1));
    }
}
