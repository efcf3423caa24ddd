using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Σ vᵢ / divisor, 0 if the divisor is 0.</summary>
internal sealed class DivisorReducer : Reducer
{
    protected override Tensor ReduceCore(LossTerm term, LossBatch batch)
    {
        var divisor = term.Divisor ?? throw new InvalidOperationException(
            "Reducer.Divisor needs a loss that defines a divisor: MarginLoss or ProxyAnchorLoss.");
        return term.Values.sum() * (divisor != S(0)) / divisor.masked_fill(divisor == S(0), S(1));
    }
}
