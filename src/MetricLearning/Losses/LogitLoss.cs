using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A loss of class logits and labels, with one value for each sample.</summary>
/// <remarks>
/// To add a loss, derive from this class and write <see cref="Costs"/>. Without samples the loss is 0 with a gradient of 0. NaN logits give
/// NaN. Half precision is computed in float32. On the CPU a label out of range is an <see cref="ArgumentException"/> that names it. On
/// another device the check would make the host wait, so the device's own assertion reports it.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors.</para>
/// </remarks>
public abstract class LogitLoss : nn.Module<Tensor, Tensor, Tensor>, IReportedLoss
{
    /// <summary>Names the module.</summary>
    protected LogitLoss(string name) : base(name) { }

    /// <summary>Reduces the values of the samples to one number. Default: their mean, unless the loss says otherwise.</summary>
    /// <exception cref="ArgumentNullException">The reducer is null.</exception>
    public Reducer Reducer { get; init => field = Guard.NotNull(value); } = Reducer.Mean;

    /// <summary>Computes the loss.</summary>
    /// <param name="logits">The logits [N, C], floating point; N may be 0.</param>
    /// <param name="labels">The labels [N], integers of any width in [0, C).</param>
    /// <returns>A scalar with gradient, float32 (float64 for float64 logits), which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a label is out of range; the message prints it.</exception>
    public sealed override Tensor forward(Tensor logits, Tensor labels)
    {
        using var scope = NewDisposeScope();
        using var batches = new LossBatches();
        return Evaluate(logits, labels, batches).Value.MoveToOuterDisposeScope();
    }

    /// <summary>Computes the value of the loss on a batch, and its counts. No gradient is kept, and the loss does not change.</summary>
    /// <param name="logits">The logits [N, C].</param>
    /// <param name="labels">As <see cref="forward"/> takes them.</param>
    /// <param name="detailed">Whether to measure <see cref="LossReport.MeanDistance"/> (Euclidean, of the logits) and
    /// <see cref="LossReport.EffectiveRank"/> too. Default: false.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a label is out of range; the message prints it.</exception>
    public LossReport Report(Tensor logits, Tensor labels, bool detailed = false)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var batches = new LossBatches();
        return StateChanges.Undone(() => LossOutcome.Report([Evaluate(logits, labels, batches)], detailed)[0].Report!);
    }

    /// <summary>Checks labels against [N, C] logits. The caller frees tensors that are created here.</summary>
    /// <returns>int64 [N], the class of each sample.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a label is out of range; the message prints it.</exception>
    private protected virtual Tensor ClassesOf(Tensor logits, Tensor labels)
    {
        var classes = Guard.Labels(labels, logits.size(0));
        Guard.InRange(classes, logits.size(1), nameof(labels));
        return classes;
    }

    /// <summary>Computes the value of each sample: [N, C] logits (float32 or float64) and int64 [N] labels → [N], N at least 1. The caller
    /// frees tensors that are created here.</summary>
    protected abstract Tensor Costs(Tensor logits, Tensor labels);

    LossOutcome IReportedLoss.Evaluate(Tensor input, Tensor labels, LossBatches batches) => Evaluate(input, labels, batches);

    private LossOutcome Evaluate(Tensor logits, Tensor labels, LossBatches batches)
    {
        Guard.InUse(this);
        Guard.Matrix(logits, columns: "C");
        Guard.Alive(labels);
        var batch = batches.Of(logits, ClassesOf(logits, labels));
        if (batch.Rows == 0) return new(RowMath.NaNWhereNotFinite(batch.Embeddings), [], batch, Distance.Euclidean);
        var values = Returned.Shape(Costs(batch.Embeddings, labels.dim() == 1 ? batch.Labels! : labels.to(logits.device)), this,
            nameof(Costs), batch.Rows);
        LossTerm term = new(values, Iota(batch.Rows, values.device));
        return new(Reducer.Reduce(term, batch), [term], batch, Distance.Euclidean);
    }
}
