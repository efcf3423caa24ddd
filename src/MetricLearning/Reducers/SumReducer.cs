using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ vᵢ.</summary>
internal sealed class SumReducer : Reducer
{
    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => term.Values.sum();
}
