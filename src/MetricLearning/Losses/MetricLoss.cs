using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss on embeddings: a TorchSharp module, so that learned parts are its parameters, move with it and are saved with
/// it.</summary>
/// <remarks>
/// To add a loss, derive from <see cref="TupleLoss"/> (it looks at distances of tuples) or from <see cref="ClassLoss"/> (it compares with a
/// learned vector a class), and write the maths only; derive from this class where neither fits. What all losses hold to:
/// <list type="bullet">
/// <item>A batch with nothing to compare (0 rows, 1 row, one class, all classes different) has the loss 0 and a gradient of 0.</item>
/// <item>A NaN or an infinity in the embeddings gives a NaN loss, never a plausible number, and nothing is thrown, as looking would make
/// the host wait for the device; <see cref="Report"/> counts the rows.</item>
/// <item>Equal embeddings have finite gradients. float16 and bfloat16 are computed in float32, float64 stays.</item>
/// <item>Only equality of labels counts. Shapes and types that do not fit are an <see cref="ArgumentException"/> that prints them.</item>
/// </list>
/// </remarks>
public abstract class MetricLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Names the module.</summary>
    protected MetricLoss(string name) : base(name) { }

    /// <summary>From the loss's values to one number. The loss's own documentation says its default.</summary>
    public Reducer Reducer { get; init; } = Reducer.Mean;

    /// <summary>The loss of a batch that meets itself.</summary>
    /// <param name="embeddings">[N, D], float16, bfloat16, float32 or float64; N may be 0.</param>
    /// <param name="labels">int64 [N].</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 embeddings), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    public sealed override Tensor forward(Tensor embeddings, Tensor labels)
    {
        using var batch = new LossBatch(embeddings, labels);
        return forward(batch);
    }

    /// <summary>The loss of a batch that is shared with other losses.</summary>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    public Tensor forward(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        return Reduce(batch, [.. Terms(batch)]).MoveToOuterDisposeScope();
    }

    /// <summary>The values of the loss before they are reduced, for a reduction or a record of your own.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    /// <returns> The loss's terms (attraction and repulsion, say), their tensors with gradient, which the caller disposes. Terms of [0] are
    /// left out. What <see cref="forward(Tensor, Tensor)"/> gives is the sum of the terms, each reduced by <see cref="Reducer"/>.
    /// </returns>
    public IReadOnlyList<LossTerm> Values(Tensor embeddings, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(embeddings, labels) { WantsEachValue = true };
        LossTerm[] terms = [.. Terms(batch).Where(term => term.Values.numel() > 0)];
        var tensors = terms.SelectMany(term => new[] { term.Values, term.Anchors, term.Divisor }).OfType<Tensor>();
        foreach (var tensor in tensors.Distinct(ReferenceEqualityComparer.Instance).Cast<Tensor>()) tensor.MoveToOuterDisposeScope();
        return terms;
    }

    /// <summary>What the loss does on a batch: its value and its counts. No gradient is kept.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <param name="labels">int64 [N].</param>
    public LossReport Report(Tensor embeddings, Tensor labels)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(embeddings, labels);
        return LossReport.Of(Evaluate(batch).Report.cpu());
    }

    /// <summary>By what its report measures how far the rows are apart.</summary>
    private protected virtual Distance Measure => Distance.Euclidean;

    /// <summary>The values of the loss, before they are reduced. Tensors made here are freed by the caller.</summary>
    protected abstract IEnumerable<LossTerm> Terms(LossBatch batch);

    /// <summary>The value, and its report as a tensor on the device. The caller has a dispose scope open.</summary>
    internal (Tensor Value, Tensor Report) Evaluate(LossBatch batch)
    {
        LossTerm[] terms = [.. Terms(batch)];
        var value = Reduce(batch, terms);
        return (value, LossReport.Collect(value, batch, terms, Measure));
    }

    /// <summary>
    /// 0 · Σ x is added where it can make a difference: a way back to the embeddings where there is nothing to compare, and NaN where they
    /// are not finite, also where no tuple that was chosen, or no hinge, would show it.
    /// </summary>
    private Tensor Reduce(LossBatch batch, LossTerm[] terms)
    {
        var parts = terms.Select((term, place) => term with { Place = place }).Where(term => term.Values.numel() > 0)
            .Select(term => Reducer.Reduce(term, batch)).ToList();
        var hasWayBack = batch.Rows > 0 && (parts.Exists(part => part.requires_grad)
            || (parts.Count > 0 && !batch.Embeddings.requires_grad));
        if (!hasWayBack || !batch.IsKnownFinite) parts.Insert(0, RowMath.NaNWhereNotFinite(batch.Embeddings));
        return parts.Aggregate((sum, part) => sum.Plus(part));
    }
}
