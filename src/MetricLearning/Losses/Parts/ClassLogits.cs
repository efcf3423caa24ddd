using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The logits of a cross entropy over classes, as functions of scores, so that no matrix of logits is made.</summary>
/// <param name="Scores">[N, C].</param>
/// <param name="Others">Makes the logits of the classes that a row does not belong to.</param>
/// <param name="Own">Makes the logits of the own classes from their scores.</param>
/// <param name="Bend">Makes the logits of the own classes in place of <paramref name="Own"/> if the function is not linear: [N] → [N], with
/// gradient. Null by default.</param>
internal sealed record ClassLogits(ClassScores Scores, OtherLogits Others, OwnLogit Own, Func<Tensor, Tensor>? Bend = null)
{
    /// <summary>Scores that are logits.</summary>
    public ClassLogits(Tensor logits) : this(new ClassScores(logits), OtherLogits.Same, new OwnLogit(1)) { }

    /// <summary>Scores that are multiplied by a number.</summary>
    public ClassLogits(ClassScores scores, double scale) : this(scores, OtherLogits.Of(new Affine(scale)), new OwnLogit(scale)) { }

    /// <summary>Scores that are multiplied by a number; a margin is subtracted from the own scores before that.</summary>
    public ClassLogits(ClassScores scores, double scale, double margin)
        : this(scores, OtherLogits.Of(new Affine(scale)), new OwnLogit(scale, margin)) { }

    /// <summary>Scores that are multiplied by a number; the own scores get a margin before that.</summary>
    public ClassLogits(ClassScores scores, double scale, Func<Tensor, Tensor> margin)
        : this(scores, OtherLogits.Of(new Affine(scale)), own => S(scale) * margin(own)) { }

    /// <summary>Own logits that any function makes.</summary>
    public ClassLogits(ClassScores scores, OtherLogits others, Func<Tensor, Tensor> own) : this(scores, others, default, own) { }

    /// <summary>The cross entropy of each row, −log p: [N], in the type of the scores. A value that this type would round away beside 1 is
    /// 0; see <see cref="CrossEntropyCost"/>.</summary>
    /// <param name="labels">int64 [N].</param>
    public Tensor Costs(Tensor labels) => Costs(labels, new CrossEntropyCost(Scores.Rows.dtype));

    /// <summary>The costs of the rows: [N], in the type of the scores.</summary>
    /// <param name="labels">int64 [N].</param>
    /// <param name="cost">The cost of a row.</param>
    public Tensor Costs(Tensor labels, ClassCost cost)
    {
        if (Bend is null) return ClassSums.Costs(Scores, labels, Others, Own, cost);
        var (own, top, logSum, sum) = ClassSums.Of(Scores, labels, Others);
        return cost.Plain(Bend(own), top, logSum, sum, Scores.Classes).to(Scores.Rows.dtype);
    }

    /// <summary>The cross entropy of each row with smoothed labels: [N], in the type of the scores.</summary>
    /// <param name="labels">int64 [N].</param>
    /// <param name="mass">ε.</param>
    /// <param name="form">The classes that the mass is spread over.</param>
    /// <param name="categories">The category of each class, if the mass stays within categories. Default: null, over all classes.</param>
    public Tensor SmoothedCosts(Tensor labels, double mass, LabelSmoothingForm form, IReadOnlyList<long>? categories = null)
    {
        if (mass == 0) return Costs(labels);
        return categories is null ? Costs(labels, new SmoothedCost(mass, form)) : WithinCategories(labels, mass, form, categories);
    }

    private Tensor WithinCategories(Tensor labels, double mass, LabelSmoothingForm form, IReadOnlyList<long> categories)
    {
        var (scores, places) = (Scores.Matrix, labels.unsqueeze(1));
        var ofOwn = scores.gather(1, places).squeeze(1);
        var own = (Bend is null ? Own.Plain(ofOwn) : Bend(ofOwn)).unsqueeze(1);
        var costs = -nn.functional.log_softmax(Others.Plain(scores).scatter(1, places, own), 1);
        return Smoothing.WithinCategories(Smoothing.Own(costs, labels), costs, labels, mass, form, categories);
    }
}
