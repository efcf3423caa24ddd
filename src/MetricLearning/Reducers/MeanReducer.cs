using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ vᵢ / K, 0 for K = 0.</summary>
internal sealed class MeanReducer : Reducer
{
    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => term.Values.sum() / S(Math.Max(1, term.Values.size(0)));
}
