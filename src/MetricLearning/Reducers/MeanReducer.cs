using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ vᵢ / K, 0 for K = 0.</summary>
internal sealed class MeanReducer : Reducer
{
    internal override bool TakesSums(bool signed) => true;

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) =>
        term.Counts is null && term.Values.size(0) > 0 ? term.Values.mean() : term.Mean(term.Values.sum());
}
