using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ vᵢ.</summary>
internal sealed class SumReducer : Reducer
{
    internal override bool TakesSums(bool signed) => true;

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => term.Values.sum();
}
