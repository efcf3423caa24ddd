using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The base class of losses of embeddings and labels. It is a TorchSharp module, so its learned parameters move, train and are
/// saved with it.</summary>
/// <remarks>
/// To add a loss, derive from <see cref="TupleLoss"/> (it compares distances of tuples) or from <see cref="ClassLoss"/> (it compares
/// embeddings with a learned vector for each class), and write only the formula. Derive from this class if neither fits. All losses follow
/// these rules:
/// <list type="bullet">
/// <item>A batch in which the loss finds nothing to compare has the loss 0 and a gradient of 0. Depending on the loss, this is a batch of 0
/// rows, of 1 row, of one class, or of rows whose classes are all different.</item>
/// <item>A NaN or an infinity in the embeddings, or in references, gives a NaN loss, never a plausible number. Nothing is thrown, because
/// checking would make the host wait for the device; <see cref="Report"/> counts the rows.</item>
/// <item>Equal embeddings have finite gradients. float16 and bfloat16 are computed in float32; float64 stays float64.</item>
/// <item>Labels are integers of any width. Only their equality counts, unless the loss learns parameters for each class: then they must be
/// in [0, C) for C classes. A shape or type that does not fit throws an <see cref="ArgumentException"/> that prints it.</item>
/// </list>
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors. A loss that keeps state while it
/// computes says so. Training learned parts (<c>backward</c>, an optimizer) and changing the module (<c>to</c>, <c>train</c>, hooks, a
/// margin) must be done by one thread at a time.</para>
/// </remarks>
public abstract class MetricLoss : nn.Module<Tensor, Tensor, Tensor>, IReportedLoss
{
    /// <summary>Names the module.</summary>
    protected MetricLoss(string name) : base(name) { }

    /// <summary>Reduces the loss's values to one number. The documentation of each loss states its default.</summary>
    /// <exception cref="ArgumentNullException">The reducer is null.</exception>
    public Reducer Reducer { get; init => field = Guard.NotNull(value); } = Reducer.Mean;

    /// <summary>Computes the loss of a batch whose rows are compared with each other.</summary>
    /// <param name="embeddings">The embeddings [N, D], float16, bfloat16, float32 or float64; N may be 0.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 embeddings), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    /// <exception cref="InvalidOperationException">Settings of the loss do not fit each other or the batch; the message says
    /// which.</exception>
    public sealed override Tensor forward(Tensor embeddings, Tensor labels)
    {
        using var batch = new LossBatch(embeddings, labels);
        return forward(batch);
    }

    /// <summary>Computes the loss of a batch that several losses share.</summary>
    /// <param name="batch">The batch: embeddings with labels, or with given tuples.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentNullException">The batch is null.</exception>
    public Tensor forward(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        return Evaluate(batch).Value.MoveToOuterDisposeScope();
    }

    /// <summary>Calls <see cref="forward(LossBatch)"/>. TorchSharp's hooks take embeddings and labels, so they do not run here.</summary>
    /// <inheritdoc cref="forward(LossBatch)"/>
    public Tensor call(LossBatch batch) => forward(batch);

    /// <summary>Computes the values of the loss before they are reduced, for your own reduction.</summary>
    /// <remarks>This is a step of training like <see cref="forward(Tensor, Tensor)"/>: running statistics are updated in training mode
    /// while gradients are recorded, and a miner that draws at random counts the call. To look at a loss without changing it, call
    /// <see cref="Report"/>.</remarks>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <returns>The terms of the loss (attraction and repulsion, say), with gradient. The caller disposes their tensors. Terms without
    /// values are left out. <see cref="forward(Tensor, Tensor)"/> gives the sum of the terms, each reduced by
    /// <see cref="Reducer"/>.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    /// <exception cref="InvalidOperationException">Settings of the loss do not fit each other or the batch; the message says
    /// which.</exception>
    public IReadOnlyList<LossTerm> Values(Tensor embeddings, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(embeddings, labels) { WantsEachValue = true };
        var terms = StateChanges.During(() => Checked(batch).Where(term => term.Values.numel() > 0).ToArray());
        var tensors = terms.SelectMany(term => new[] { term.Values, term.Anchors, term.Divisor }).OfType<Tensor>();
        foreach (var tensor in tensors.Distinct(ReferenceEqualityComparer.Instance).Cast<Tensor>()) tensor.MoveToOuterDisposeScope();
        return terms;
    }

    /// <summary>Computes the value of the loss on a batch, and its counts. No gradient is kept, and the loss and its miner do not change: a
    /// miner that draws at random picks what it would pick in the next call.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <param name="detailed">Whether to measure <see cref="LossReport.MeanDistance"/> and <see cref="LossReport.EffectiveRank"/> too,
    /// which takes the distance matrix and a product of the embeddings. Default: false.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit; the message prints it.</exception>
    /// <exception cref="InvalidOperationException">Settings of the loss do not fit each other or the batch; the message says
    /// which.</exception>
    public LossReport Report(Tensor embeddings, Tensor labels, bool detailed = false)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var batch = new LossBatch(embeddings, labels);
        return StateChanges.Undone(() => LossOutcome.Report([Evaluate(batch)], detailed)[0].Report!);
    }

    /// <summary>The distance that a detailed report measures.</summary>
    private protected virtual Distance ReportDistance => Distance.Euclidean;

    /// <summary>Computes the values of the loss before they are reduced. The caller frees the tensors that are created here.</summary>
    /// <param name="batch">The batch: embeddings with labels, or with given tuples.</param>
    protected abstract IEnumerable<LossTerm> Terms(LossBatch batch);

    /// <summary>Computes the terms, and requires that their tensors fit each other.</summary>
    private IEnumerable<LossTerm> Checked(LossBatch batch)
    {
        Guard.InUse(this);
        foreach (var term in Returned.Value(Terms(batch), this))
        {
            if (Returned.Value(term.Values, this, nameof(Terms)) is var values && values.dim() > 1)
                throw Returned.Wrong(this, nameof(Terms), "values [K] or a scalar", Guard.Shape(values));
            if (term.Anchors is { } anchors && (values.dim() == 0 || anchors.dim() != 1 || anchors.size(0) != values.size(0)))
                throw Returned.Wrong(this, nameof(Terms), $"an anchor for each of the values {Guard.Shape(values)}", Guard.Shape(anchors));
            if (term.Divisor is { } divisor && divisor.dim() != 0)
                throw Returned.Wrong(this, nameof(Terms), "a scalar as the divisor", Guard.Shape(divisor));
            yield return term;
        }
    }

    /// <summary>Computes the loss and keeps what a report needs. The caller has a dispose scope open.</summary>
    internal LossOutcome Evaluate(LossBatch batch) => StateChanges.During(() =>
    {
        LossTerm[] terms = [.. Checked(batch)];
        return new LossOutcome(Reduce(batch, terms), terms, batch, ReportDistance);
    });

    LossOutcome IReportedLoss.Evaluate(Tensor input, Tensor labels, LossBatches batches) => Evaluate(batches.Of(input, labels));

    /// <summary>Reduces each term and adds the results.</summary>
    /// <remarks>
    /// 0 · Σ x is added if it can make a difference. If there is nothing to compare, this term gives the embeddings a gradient of 0. If
    /// embeddings are not finite, this term makes the loss NaN, even if no chosen tuple contains them. The references are guarded alike.
    /// If only the numbers that the loss learns need a gradient, they get one of 0 in the same way.
    /// </remarks>
    private Tensor Reduce(LossBatch batch, LossTerm[] terms)
    {
        var parts = terms.Select((term, place) => term with { Place = place }).Where(term => term.Values.numel() > 0)
            .Select(term => Reducer.Reduce(term, batch)).ToList();
        var reachesEmbeddings = batch.Rows > 0 && (parts.Exists(part => part.requires_grad)
            || (parts.Count > 0 && !batch.Embeddings.requires_grad));
        if (!reachesEmbeddings || !batch.IsKnownFinite) parts.Insert(0, RowMath.NaNWhereNotFinite(batch.Embeddings));
        if (!batch.MeetsItself) parts[0] = RowMath.Guarded(parts[0], batch.References);
        var value = parts.Aggregate((sum, part) => sum.Plus(part));
        if (value.requires_grad || !is_grad_enabled()) return value;
        return parameters().Where(learned => learned.requires_grad)
            .Aggregate(value, (sum, learned) => sum.Plus(RowMath.NaNWhereNotFinite(learned.to(sum.dtype))));
    }
}
