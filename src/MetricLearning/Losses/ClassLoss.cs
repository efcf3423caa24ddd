using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A loss that compares embeddings with learned vectors, one or more for each class: softmax cross entropy of logits to which a subclass
/// adds a margin.
/// </summary>
/// <remarks>
/// A subclass writes <see cref="Score"/>, which computes the scores for inference, and <see cref="Bend"/>, which adds the margin for
/// training. If the logits need more than the scores, it overrides <see cref="TrainingScores"/>. If the loss is not a cross entropy, it
/// overrides <see cref="ClassTerms"/>. The learned vectors are the parameter <c>weights</c>: give <c>loss.parameters()</c> to the
/// optimizer. With very many classes, train on <see cref="Sampled"/> classes. On the CPU, a label out of range throws an
/// <see cref="ArgumentException"/> that names it.
/// <para>Thread safety: any number of threads may compute one loss at once, each on its own tensors; with <see cref="Sampled"/> classes or
/// a miner that draws at random, one thread at a time.</para>
/// </remarks>
public abstract class ClassLoss : MetricLoss
{
    private static readonly Distance miningDistance = Distance.Euclidean.Normalized();

    private readonly SampledClasses? sampled;

    /// <summary>Creates the class vectors, drawn from N(0, deviation²).</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="classes">The number of classes C, at least 1.</param>
    /// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
    /// <param name="centersPerClass">The number K of centers, which are the learned vectors, of each class, at least 1. The centers of a
    /// class are adjacent rows. Default: 1.</param>
    /// <param name="deviation">The standard deviation of the initial vectors, above 0. Default: 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range.</exception>
    protected ClassLoss(string name, long classes, long dimension, long centersPerClass = 1, double deviation = 1) : base(name)
    {
        (Classes, Dimension, CentersPerClass) = (Guard.AtLeast(classes, 1), Guard.AtLeast(dimension, 1), Guard.AtLeast(centersPerClass, 1));
        Guard.Positive(deviation);
        register_parameter("weights", nn.Parameter(randn(classes * centersPerClass, dimension).mul_(S(deviation))));
    }

    /// <summary>Creates the class vectors, and the running statistics of a loss with their first values, as buffers.</summary>
    /// <remarks>A loss with a primary constructor has checked its own settings before this runs. So a constructor that throws has drawn
    /// nothing.</remarks>
    private protected ClassLoss(
        string name, long classes, long dimension, double deviation, params ReadOnlySpan<(string Name, float First)> statistics)
        : this(name, classes, dimension, centersPerClass: 1, deviation)
    {
        foreach (var (statistic, first) in statistics) register_buffer(statistic, tensor(first));
    }

    /// <summary>Creates the class vectors of a loss whose default reducer is not the mean.</summary>
    private protected ClassLoss(string name, long classes, long dimension, double deviation, Reducer reducer)
        : this(name, classes, dimension, centersPerClass: 1, deviation) => Reducer = reducer;

    /// <summary>The number of classes C.</summary>
    public long Classes { get; }

    /// <summary>The dimension D of the embeddings.</summary>
    public long Dimension { get; }

    /// <summary>The number K of vectors of each class; 1 unless the loss says otherwise.</summary>
    public long CentersPerClass { get; }

    /// <summary>[C·K, D]: the learned vectors. Class c has the rows cK to cK + K − 1.</summary>
    /// <exception cref="ObjectDisposedException">The loss has been disposed.</exception>
    public Parameter Weights
    {
        get
        {
            Guard.InUse(this);
            return get_parameter("weights")!;
        }
    }

    /// <summary>
    /// If it is set, each sample is weighted by how often it occurs in the tuples that this miner picks, relative to the sample that occurs
    /// most often. If the miner picks nothing, all samples have the weight 1, as in pytorch-metric-learning. The miner compares by
    /// <see cref="Miner.Distance"/>, or by the Euclidean distance of rows of length 1. Null (the default): all samples have the same
    /// weight.
    /// </summary>
    public Miner? Miner { get; init; }

    /// <summary>A penalty on the class vectors, which is added to the loss. Default: null.</summary>
    public Regularizer? WeightRegularizer { get; init; }

    /// <summary>The weight of <see cref="WeightRegularizer"/>. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not finite.</exception>
    public double RegularizerWeight { get; init => field = Guard.Finite(value); } = 1;

    /// <summary>The label smoothing ε in [0, 1]: the part of a label that the cross entropy spreads over all classes, or over the classes
    /// of its category. Default: 0.</summary>
    /// <remarks>It follows open-metric-learning's ArcFaceLoss. A loss that is not a cross entropy cannot smooth labels.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">ε is outside [0, 1].</exception>
    public double LabelSmoothing { get; init => field = Guard.Within(value, 0, 1); }

    /// <summary>The category of each class, [C]. If it is set, <see cref="LabelSmoothing"/> spreads a label only over the classes of its
    /// category. Default: null.</summary>
    /// <exception cref="ArgumentException">The categories are not one for each class.</exception>
    public IReadOnlyList<long>? Categories
    {
        get;
        init => field = value is null || value.Count == Classes ? value?.ToArray()
            : throw new ArgumentException($"Categories must have {Classes} entries, one per class, got {value.Count}.", nameof(Categories));
    }

    /// <summary>
    /// If it is set, training looks only at the classes of the batch and some others. Use it for hundreds of thousands of classes. Null by
    /// default.
    /// </summary>
    /// <exception cref="ArgumentException">The sample has more classes than this loss.</exception>
    /// <exception cref="InvalidOperationException">The sampled classes already belong to another loss.</exception>
    public SampledClasses? Sampled
    {
        get => sampled;
        init
        {
            if (value is null) return;
            if (value.Count > Classes)
                throw new ArgumentException($"Sampled must have a count of at most the {Classes} classes, got {value.Count}.",
                    nameof(Sampled));
            value.Attach(this);
            sampled = value;
            register_module("sampled", value);
        }
    }

    /// <summary>Computes the class scores of embeddings for inference, without the margins of training.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <returns>[N, C], which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The embeddings are not [N, D]; the message prints their shape.</exception>
    public Tensor Logits(Tensor embeddings)
    {
        Guard.InUse(this);
        Guard.Matrix(embeddings);
        Guard.Width(embeddings, Dimension);
        using var scope = NewDisposeScope();
        var x = RowMath.Widen(embeddings);
        return Returned.Shape(Score(x, Weights.to(x.dtype)), this, nameof(Score), x.size(0), Classes).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected sealed override IEnumerable<LossTerm> Terms(LossBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Guard.Width(batch.Embeddings, Dimension);
        var labels = batch.RequireLabels(GetName());
        Guard.InRange(labels, Classes);
        RequireSettingsThatFit();
        Tensor rows = Weights;
        if (sampled is not null && training) (rows, labels) = sampled.Draw(labels);
        rows = rows.to(batch.Embeddings.dtype);
        foreach (var term in ClassTerms(batch, labels, rows)) yield return Miner is null ? term : Weigh(term, batch);
        if (WeightRegularizer is not null && batch.Rows > 0) yield return new(S(RegularizerWeight) * WeightRegularizer.Penalty(rows));
    }

    /// <summary>Refuses settings that contradict each other.</summary>
    private void RequireSettingsThatFit()
    {
        if (Categories is not null && sampled is not null)
            throw new InvalidOperationException($"{GetName()} has categories for all classes, so it cannot train on sampled classes.");
        if (LabelSmoothing > 0 && !IsCrossEntropy)
            throw new InvalidOperationException($"{GetName()} is not a cross entropy over its classes, so its labels cannot be smoothed.");
    }

    /// <summary>Computes the scores without margins, for inference and as the input of <see cref="Bend"/>: [N, D] embeddings and [C·K, D]
    /// vectors → [N, C].</summary>
    /// <remarks>Take C from the vectors, not from <see cref="Classes"/>: with <see cref="Sampled"/> classes there are fewer.</remarks>
    protected abstract Tensor Score(Tensor embeddings, Tensor weights);

    /// <summary>Adds the margin to the scores for training. Default: returns the scores of <see cref="Score"/> unchanged.</summary>
    /// <param name="scores">[N, C].</param>
    /// <param name="labels">int64 [N].</param>
    protected virtual Tensor Bend(Tensor scores, Tensor labels) => scores;

    /// <summary>Computes the logits to train with: [N, D] embeddings, [C·K, D] vectors, int64 [N] labels → [N, C]. Default:
    /// <see cref="Score"/>, then <see cref="Bend"/>.</summary>
    protected virtual Tensor TrainingScores(Tensor embeddings, Tensor weights, Tensor labels) => Bend(Score(embeddings, weights), labels);

    /// <summary>Whether <see cref="ClassTerms"/> computes the cross entropy of this class. Only then can labels be smoothed. Default:
    /// true.</summary>
    protected virtual bool IsCrossEntropy => true;

    /// <summary>Computes the values of the loss. Default: the cross entropy of each sample.</summary>
    protected virtual IEnumerable<LossTerm> ClassTerms(LossBatch batch, Tensor labels, Tensor weights)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var logits = TrainingLogits(batch.Embeddings, weights, labels);
        yield return PerSample(logits.SmoothedCosts(labels, LabelSmoothing, LabelSmoothingForm.AllClasses, Categories));
    }

    /// <summary>Gives the logits to train with as functions of scores, so that scale and margin need no matrices of their own. Default: the
    /// logits of <see cref="TrainingScores"/>.</summary>
    private protected virtual ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels) =>
        new(Returned.Shape(TrainingScores(embeddings, weights, labels), this, nameof(TrainingScores), embeddings.size(0),
            weights.size(0) * Classes / Weights.size(0)));

    /// <summary>Computes the cosine of each embedding and each vector; 0 for rows of zeros.</summary>
    /// <param name="embeddings">The embeddings [N, D].</param>
    /// <param name="weights">The vectors [M, D].</param>
    /// <returns>[N, M].</returns>
    protected static Tensor Cosines(Tensor embeddings, Tensor weights) => RowMath.Cosines(embeddings, weights);

    /// <summary>Takes the score of each sample's own class.</summary>
    /// <param name="scores">The scores [N, C].</param>
    /// <param name="labels">The class of each sample, int64 [N].</param>
    /// <returns>[N, 1].</returns>
    protected static Tensor Own(Tensor scores, Tensor labels) => scores.gather(1, labels.unsqueeze(1));

    /// <summary>Replaces the scores of the own classes.</summary>
    /// <param name="scores">The scores [N, C].</param>
    /// <param name="labels">The class of each sample, int64 [N].</param>
    /// <param name="own">The new score of each sample's own class, [N, 1].</param>
    /// <returns>[N, C].</returns>
    protected static Tensor WithOwn(Tensor scores, Tensor labels, Tensor own) => scores.scatter(1, labels.unsqueeze(1), own);

    /// <summary>A term with a value for each row of the batch.</summary>
    protected static LossTerm PerSample(Tensor values) => new(values, Iota(values.size(0), values.device));

    /// <summary>Weights the samples by the tuples that the miner picks.</summary>
    private LossTerm Weigh(LossTerm term, LossBatch batch)
    {
        var anchors = term.Anchors
            ?? throw new InvalidOperationException($"The values of {GetName()} do not belong to samples, so a miner cannot weight them.");
        if (batch.Rows == 0) return term;
        var tuples = Miner!.Mine(batch.Distances(Miner.Distance ?? miningDistance).Matrix, batch.Candidates);
        try
        {
            var shares = tuples.Shares(term.Values.dtype);
            shares = shares.masked_fill(shares.max() == S(0), S(1));
            return term with { Values = term.Values * shares.index_select(0, anchors) };
        }
        finally
        {
            // A miner may return the candidates, which belong to the batch.
            if (!ReferenceEquals(tuples, batch.Candidates)) tuples.Dispose();
        }
    }
}
