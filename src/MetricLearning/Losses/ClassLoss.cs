using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>A loss that compares embeddings with a learned vector a class: softmax cross entropy of logits that a subclass bends.</summary>
/// <remarks>
/// A subclass writes <see cref="Bend"/>, the logits to train with; one whose loss is no cross entropy overrides <see cref="ClassTerms"/> too.
/// The learned vectors are the parameter <c>weights</c>: give <c>loss.parameters()</c> to the optimizer.
/// A label out of range is an <see cref="ArgumentException"/> on the CPU that names it.
/// </remarks>
public abstract class ClassLoss : MetricLoss
{
    private readonly Parameter weights;

    /// <summary>Creates the class vectors, drawn from N(0, 1).</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="classes">C, at least 1.</param>
    /// <param name="dimension">D of the embeddings, at least 1.</param>
    protected ClassLoss(string name, int classes, int dimension) : base(name)
    {
        (Classes, Dimension) = (Guard.AtLeast(classes, 1), Guard.AtLeast(dimension, 1));
        weights = nn.Parameter(randn(Classes, Dimension));
        register_parameter(nameof(weights), weights);
    }

    /// <summary>C.</summary>
    public int Classes { get; }

    /// <summary>D.</summary>
    public int Dimension { get; }

    /// <summary>[C, D]: the learned vector of each class.</summary>
    public Parameter Weights => weights;

    /// <summary>The class scores of embeddings, without what is done to them in training: for inference.</summary>
    /// <param name="embeddings">[N, D].</param>
    /// <returns>[N, C], which the caller disposes.</returns>
    public Tensor Logits(Tensor embeddings)
    {
        Guard.Matrix(embeddings);
        RequireWidth(embeddings);
        using var scope = NewDisposeScope();
        var x = RowMath.Widen(embeddings);
        return Score(x, weights.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected sealed override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        RequireWidth(batch.Embeddings);
        var labels = batch.Labels ?? throw new InvalidOperationException($"{GetName()} needs labels, and tuples were given.");
        Guard.InRange(labels, Classes);
        return ClassTerms(batch, labels, weights.to(batch.Embeddings.dtype));
    }

    /// <summary>[N, D] embeddings and [C, D] class vectors → [N, C] scores, without margins: what inference uses and training bends.</summary>
    protected abstract Tensor Score(Tensor embeddings, Tensor weights);

    /// <summary>The scores to train with; those of <see cref="Score"/> by default.</summary>
    /// <param name="scores">[N, C].</param>
    /// <param name="labels">int64 [N].</param>
    protected virtual Tensor Bend(Tensor scores, Tensor labels) => scores;

    /// <summary>The values of the loss: the cross entropy of each sample by default.</summary>
    protected virtual IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        var costs = cross_entropy(Bend(Score(batch.Embeddings, weights), labels), labels, reduction: nn.Reduction.None);
        yield return new(costs, Iota(batch.Rows, costs.device));
    }

    private void RequireWidth(Tensor embeddings)
    {
        if (embeddings.size(1) != Dimension)
            throw new ArgumentException($"embeddings must be [N, {Dimension}] for this loss, got {Guard.Shape(embeddings)}.", nameof(embeddings));
    }
}
