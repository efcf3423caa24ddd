using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The mean of each row's values, reduced over the rows by another reducer.</summary>
internal sealed class PerAnchorReducer(Reducer rows) : Reducer
{
    internal override bool TakesSums(bool signed) => true;

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
    {
        var anchors = term.Anchors ?? throw new InvalidOperationException(
            "The values of this loss do not belong to rows, so they have no mean per anchor.");
        var sums = zeros(batch.Rows, term.Values.dtype, term.Values.device).index_add(0, anchors, term.Values, S(1));
        var counts = bincount(anchors, term.Counts, minlength: (int)batch.Rows).to(sums.dtype);   // float64 if there are weights
        var means = sums / counts.clamp_min(S(1));
        return rows.Reduce(new(means, Iota(batch.Rows, means.device)), batch);
    }
}
