using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The n-th term of a loss by the n-th reducer.</summary>
internal sealed class TermsReducer : Reducer
{
    private readonly Reducer[] reducers;

    public TermsReducer(IReadOnlyList<Reducer> terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        reducers = terms.Count > 0 ? [.. terms] : throw new ArgumentException("terms must hold a reducer, got none.", nameof(terms));
        foreach (var reducer in reducers) ArgumentNullException.ThrowIfNull(reducer, nameof(terms));
    }

    internal override bool TakesSums(bool signed) => reducers.All(reducer => reducer.TakesSums(signed));

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => term.Place < reducers.Length
        ? reducers[term.Place].Reduce(term, batch)
        : throw new InvalidOperationException($"This loss has more than the {reducers.Length} terms that there are reducers for.");
}
