using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Reduces the n-th term of a loss with the n-th reducer.</summary>
internal sealed class TermsReducer : Reducer
{
    private readonly Reducer[] reducers;

    public TermsReducer(IReadOnlyList<Reducer> terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        reducers = terms.Count > 0 ? [.. terms] : throw new ArgumentException("terms must not be empty.", nameof(terms));
        foreach (var reducer in reducers) ArgumentNullException.ThrowIfNull(reducer, nameof(terms));
    }

    internal override bool TakesSums(bool signed) => reducers.All(reducer => reducer.TakesSums(signed));

    protected override Tensor ReduceCore(LossTerm term, LossBatch batch) => term.Place < reducers.Length
        ? reducers[term.Place].Reduce(term, batch)
        : throw new InvalidOperationException($"This loss has more terms than the {reducers.Length} reducers.");
}
