using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Softmax cross entropy with label smoothing: <c>−Σ_c q_c · log softmax(z)_c</c>, where q is the label with a mass ε spread over
/// the classes.</summary>
/// <remarks>
/// Default: ε = 0.1 over all classes, mean over the samples, which is <c>F.cross_entropy(label_smoothing: 0.1)</c> and the identity loss of
/// torchreid and reid-strong-baseline. No label is ignored: one that is out of range is an exception on the CPU that names it (on a GPU
/// looking would make the host wait; the device itself asserts). No samples: 0 with a gradient of 0. NaN logits: NaN.
/// Szegedy et al., <i>Rethinking the Inception Architecture</i>, CVPR 2016, section 7.
/// </remarks>
public sealed class LabelSmoothingCrossEntropyLoss : nn.Module<Tensor, Tensor, Tensor>
{
    /// <summary>Creates the loss.</summary>
    /// <param name="epsilon">ε in [0, 1], 0.1 by default; 0 for plain cross entropy.</param>
    public LabelSmoothingCrossEntropyLoss(double epsilon = 0.1) : base(nameof(LabelSmoothingCrossEntropyLoss)) =>
        Epsilon = Guard.Within(epsilon, 0, 1);

    /// <summary>ε.</summary>
    public double Epsilon { get; }

    /// <summary>Where ε goes; over all classes by default.</summary>
    public LabelSmoothingForm Form { get; init; }

    /// <summary>
    /// The category of each class, where ε is to stay among the classes of the sample's own category; null (the default) for all classes.
    /// As open-metric-learning's label2category.
    /// </summary>
    public IReadOnlyList<long>? Categories { get; init => field = value is null ? null : [.. value]; }

    /// <summary>From one value a sample to one number; the mean by default.</summary>
    public Reducer Reducer { get; init; } = Reducer.Mean;

    /// <summary>fast-reid's cross entropy: ε/(C−1) to each other class, and the mean over the samples whose loss is not 0.</summary>
    /// <param name="epsilon">ε, 0.1 by default.</param>
    public static LabelSmoothingCrossEntropyLoss FastReId(double epsilon = 0.1) =>
        new(epsilon) { Form = LabelSmoothingForm.OtherClasses, Reducer = Reducer.NonZeroMean };

    /// <summary>fast-reid's adaptive smoothing: ε is α times the probability of the own class.</summary>
    /// <param name="alpha">α, 0.2 by default.</param>
    public static LabelSmoothingCrossEntropyLoss FastReIdAdaptive(double alpha = 0.2) =>
        new(alpha) { Form = LabelSmoothingForm.Adaptive, Reducer = Reducer.NonZeroMean };

    /// <summary>The loss.</summary>
    /// <param name="logits">[N, C], floating point (half precision is computed in float32); N may be 0.</param>
    /// <param name="labels">int64 [N], classes in [0, C); or [N, C], one-hot of any type or soft targets, rows of which sum to 1.</param>
    /// <returns>A scalar with gradient, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a label is out of range; the message prints it.</exception>
    public override Tensor forward(Tensor logits, Tensor labels)
    {
        Guard.Matrix(logits);
        ArgumentNullException.ThrowIfNull(labels);
        var (samples, classes) = (logits.size(0), logits.size(1));
        var soft = labels.dim() == 2;
        if (soft && (labels.size(0) != samples || labels.size(1) != classes))
            throw new ArgumentException($"labels must be [{samples}], or [{samples}, {classes}] as the logits, got {Guard.Shape(labels)}.",
                nameof(labels));
        if (!soft)
        {
            Guard.Labels(labels, samples);
            Guard.InRange(labels, classes);
        }

        if (Categories is not null && (soft || Categories.Count != classes))
            throw new ArgumentException(soft
                ? $"labels must be [{samples}], one a row, where classes have categories, got {Guard.Shape(labels)}."
                : $"logits must be [N, {Categories.Count}], a column for each class that has a category, got {Guard.Shape(logits)}.",
                soft ? nameof(labels) : nameof(logits));

        using var scope = NewDisposeScope();
        var costs = -log_softmax(RowMath.Widen(logits), 1);
        labels = labels.to(logits.device);
        var own = soft ? (costs * labels.to(costs.dtype)).sum(1) : Smoothing.Own(costs, labels);
        var values = Epsilon == 0 ? own : Smoothing.Spread(own, costs, labels, Epsilon, Form, Categories);
        using var batch = new LossBatch(logits, soft ? labels.argmax(1) : labels);
        return (samples == 0 ? RowMath.NaNWhereNotFinite(costs) : Reducer.Reduce(new(values, Iota(samples, logits.device)), batch))
            .MoveToOuterDisposeScope();
    }
}
