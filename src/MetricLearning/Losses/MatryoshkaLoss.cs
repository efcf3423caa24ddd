using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Trains embeddings that can be truncated to several widths d_i: <c>Σ_i w_i · loss(x[:, :d_i], y)</c>. Each prefix of d_i numbers
/// becomes an embedding that can be used alone.</summary>
/// <remarks>
/// Default: all weights 1. Choose a distance that normalizes (or <see cref="Distance.Cosine"/>), so that each prefix is scaled to length 1
/// for itself. Losses with a vector for each class have a single width, so they do not fit. Kusupati et al., <i>Matryoshka Representation
/// Learning</i>, NeurIPS 2022; as in sentence-transformers' MatryoshkaLoss.
/// <para>Thread safety: that of the wrapped loss.</para>
/// </remarks>
public sealed class MatryoshkaLoss : nn.Module<Tensor, Tensor, Tensor>, IReportedLoss
{
    private readonly nn.Module loss;
    private readonly Func<Tensor, Tensor, Tensor> compute;
    private readonly Func<Tensor, Tensor, LossBatches, LossOutcome> evaluate;
    private readonly long[] widths;
    private readonly double[] weights;

    /// <summary>Wraps a loss.</summary>
    /// <param name="loss">A module (embeddings [N, d], labels) → scalar for every width d. This module takes ownership of it.</param>
    /// <param name="widths">The widths d_i: at least one, each at least 1, all different. Include the full width if you want to train
    /// it.</param>
    /// <param name="weights">The weights w_i, finite, one for each width; null for all 1.</param>
    /// <exception cref="ArgumentNullException">The loss or the widths are null.</exception>
    /// <exception cref="ArgumentException">There is no width, a width is below 1 or given twice, or the weights are not one finite number
    /// for each width.</exception>
    public MatryoshkaLoss(nn.Module<Tensor, Tensor, Tensor> loss, IReadOnlyList<long> widths, IReadOnlyList<double>? weights = null)
        : this(Guard.NotNull(loss), loss.call, (input, labels, batches) => LossOutcome.Of(loss, input, labels, batches), widths, weights)
    { }

    /// <summary>Wraps a sum of losses. All its parts get the prefix, whichever output they select.</summary>
    /// <param name="losses">The sum, whose losses take every width d. This module takes ownership of it.</param>
    /// <param name="widths">The widths d_i, as for a single loss.</param>
    /// <param name="weights">The weights w_i, as for a single loss; null for all 1.</param>
    /// <exception cref="ArgumentNullException">The sum or the widths are null.</exception>
    /// <exception cref="ArgumentException">As for a single loss.</exception>
    public MatryoshkaLoss(LossSum losses, IReadOnlyList<long> widths, IReadOnlyList<double>? weights = null)
        : this(Guard.NotNull(losses), losses.call, losses.Evaluate, widths, weights) { }

    private MatryoshkaLoss(nn.Module loss, Func<Tensor, Tensor, Tensor> compute, Func<Tensor, Tensor, LossBatches, LossOutcome> evaluate,
        IReadOnlyList<long> widths, IReadOnlyList<double>? weights)
        : base(nameof(MatryoshkaLoss))
    {
        ArgumentNullException.ThrowIfNull(widths);
        if (widths.Count == 0 || widths.Distinct().Count() != widths.Count)
            throw new ArgumentException(
                $"widths must be one or more different numbers, got [{string.Join(", ", widths)}].", nameof(widths));
        foreach (var width in widths) Guard.AtLeast(width, 1, nameof(widths));
        if (weights is not null && (weights.Count != widths.Count || !weights.All(double.IsFinite)))
            throw new ArgumentException(
                $"weights must be {widths.Count} finite numbers, one per width, got [{string.Join(", ", weights)}].", nameof(weights));
        (this.loss, this.compute, this.evaluate) = (loss, compute, evaluate);
        (this.widths, this.weights) = ([.. widths], [.. weights ?? Enumerable.Repeat(1.0, widths.Count)]);
        RegisterComponents();
    }

    /// <summary>The widths d_i.</summary>
    public IReadOnlyList<long> Widths => widths;

    /// <summary>Computes the weighted sum over the widths.</summary>
    /// <param name="embeddings">The embeddings [N, D], D at least the greatest width.</param>
    /// <param name="labels">The labels for the wrapped loss.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The embeddings are narrower than a width, or the wrapped loss refuses them.</exception>
    public override Tensor forward(Tensor embeddings, Tensor labels)
    {
        using var scope = NewDisposeScope();
        var values = StateChanges.During(() => Prefixes(embeddings).Select(prefix => compute(prefix, labels)).ToArray());
        return WeightedSum(values).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the weighted sum of a loss on tuples against references, whose prefixes are taken too: questions and answers, a
    /// second view, a teacher.</summary>
    /// <param name="embeddings">The embeddings [N, D], D at least the greatest width.</param>
    /// <param name="labels">The labels [N], integers of any width.</param>
    /// <param name="references">The references [M, D], of the same type and device; they get a gradient if they require one.</param>
    /// <param name="referenceLabels">The labels of the references [M], integers of any width.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape, type or device does not fit; the message prints it.</exception>
    /// <exception cref="InvalidOperationException">The wrapped loss is no <see cref="TupleLoss"/>, so it takes no references.</exception>
    public Tensor forward(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels)
    {
        Guard.InUse(this);
        if (loss is not TupleLoss tupleLoss)
            throw new InvalidOperationException(
                $"The wrapped loss must be a {nameof(TupleLoss)} to take references, got {loss.GetName()}.");
        Guard.SameWidth(embeddings, references);
        using var scope = NewDisposeScope();
        var values = StateChanges.During(() => Prefixes(embeddings).Zip(Prefixes(references),
            (prefix, reference) => tupleLoss.forward(prefix, labels, reference, referenceLabels)).ToArray());
        return WeightedSum(values).MoveToOuterDisposeScope();
    }

    /// <summary>Calls the four-argument <c>forward</c>. TorchSharp's hooks take embeddings and labels, so they do not run here.</summary>
    /// <inheritdoc cref="forward(Tensor, Tensor, Tensor, Tensor)"/>
    public Tensor call(Tensor embeddings, Tensor labels, Tensor references, Tensor referenceLabels) =>
        forward(embeddings, labels, references, referenceLabels);

    /// <summary>The terms of all widths together. The other figures of a report describe the whole embeddings.</summary>
    LossOutcome IReportedLoss.Evaluate(Tensor input, Tensor labels, LossBatches batches)
    {
        var outcomes = StateChanges.During(
            () => Prefixes(input).Select(prefix => evaluate(prefix, labels, batches)).ToArray());
        return new(WeightedSum([.. outcomes.Select(outcome => outcome.Value)]), [.. outcomes.SelectMany(outcome => outcome.Terms)],
            Array.TrueForAll(outcomes, outcome => outcome.Batch is not null) ? batches.Of(input, labels) : null, Distance.Euclidean);
    }

    private IEnumerable<Tensor> Prefixes(Tensor embeddings)
    {
        Guard.InUse(this);
        Guard.Matrix(embeddings);
        if (embeddings.size(1) < widths.Max())
            throw new ArgumentException(
                $"embeddings must be at least {widths.Max()} wide, got {Guard.Shape(embeddings)}.", nameof(embeddings));
        return widths.Select(width => embeddings.narrow(1, 0, width));
    }

    private Tensor WeightedSum(Tensor[] values) =>
        weights.Zip(values, (weight, value) => S(weight) * value).Aggregate((sum, part) => sum.Plus(part));
}
