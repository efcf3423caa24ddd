using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Softmax cross entropy with label smoothing: <c>−Σ_c q_c · log softmax(z)_c</c>, where q is the label with a mass ε spread over
/// the classes.</summary>
/// <remarks>
/// Default: ε = 0.1 over all classes, mean over the samples, which is <c>F.cross_entropy(label_smoothing: 0.1)</c> and the identity loss of
/// torchreid and reid-strong-baseline. Labels may also be [N, C]: one-hot of any type, or soft targets whose rows sum to 1. No label is
/// ignored: on the CPU, a label out of range throws an exception that names it. Without samples the loss is 0 with a gradient of 0. NaN
/// logits give NaN. Szegedy et al., <i>Rethinking the Inception Architecture</i>, CVPR 2016, section 7.
/// </remarks>
public sealed class LabelSmoothingCrossEntropyLoss : LogitLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="epsilon">The mass ε in [0, 1]; 0 is plain cross entropy. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">ε is outside [0, 1].</exception>
    public LabelSmoothingCrossEntropyLoss(double epsilon = 0.1) : base(nameof(LabelSmoothingCrossEntropyLoss)) =>
        Epsilon = Guard.Within(epsilon, 0, 1);

    /// <summary>The mass ε.</summary>
    public double Epsilon { get; }

    /// <summary>The classes over which ε is spread. Default: all classes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The form is not defined.</exception>
    public LabelSmoothingForm Form { get; init => field = Guard.Defined(value); }

    /// <summary>
    /// The category of each class; ε is then spread only among the classes of the sample's own category. Null (the default) spreads it
    /// among all classes. It follows open-metric-learning's label2category.
    /// </summary>
    public IReadOnlyList<long>? Categories { get; init => field = value is null ? null : [.. value]; }

    /// <summary>Creates fast-reid's cross entropy: ε/(C−1) for each other class, and the mean over the samples whose loss is not
    /// 0.</summary>
    /// <param name="epsilon">The mass ε in [0, 1]. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">ε is outside [0, 1].</exception>
    public static LabelSmoothingCrossEntropyLoss FastReId(double epsilon = 0.1) =>
        new(epsilon) { Form = LabelSmoothingForm.OtherClasses, Reducer = Reducer.NonZeroMean };

    /// <summary>Creates fast-reid's adaptive smoothing: ε is α times the probability of the own class.</summary>
    /// <param name="alpha">The factor α in [0, 1]. Default: 0.2.</param>
    /// <exception cref="ArgumentOutOfRangeException">α is outside [0, 1].</exception>
    public static LabelSmoothingCrossEntropyLoss FastReIdAdaptive(double alpha = 0.2) =>
        new(Guard.Within(alpha, 0, 1)) { Form = LabelSmoothingForm.Adaptive, Reducer = Reducer.NonZeroMean };

    /// <inheritdoc/>
    private protected override Tensor ClassesOf(Tensor logits, Tensor labels)
    {
        var (samples, classes) = (logits.size(0), logits.size(1));
        var soft = labels.dim() == 2;
        if (soft && (labels.size(0) != samples || labels.size(1) != classes))
            throw new ArgumentException($"labels must be [{samples}], or [{samples}, {classes}] as the logits, got {Guard.Shape(labels)}.",
                nameof(labels));
        var own = soft ? labels.argmax(1) : base.ClassesOf(logits, labels);
        if (Categories is null) return own;
        if (soft)
            throw new ArgumentException(
                $"labels must be [{samples}], one per row, if classes have categories, got {Guard.Shape(labels)}.", nameof(labels));
        if (Categories.Count != classes)
            throw new ArgumentException(
                $"logits must be [N, {Categories.Count}], a column for each class that has a category, got {Guard.Shape(logits)}.",
                nameof(logits));
        return own;
    }

    /// <inheritdoc/>
    protected override Tensor Costs(Tensor logits, Tensor labels)
    {
        if (labels.dim() == 1) return new ClassLogits(logits).SmoothedCosts(labels, Epsilon, Form, Categories);
        var costs = -log_softmax(logits, 1);
        var own = (costs * labels.to(costs.dtype)).sum(1);
        return Epsilon == 0 ? own
            : Smoothing.Spread(own, costs.sum(1), full_like(own, S(logits.size(1))), Epsilon, Form);
    }
}
