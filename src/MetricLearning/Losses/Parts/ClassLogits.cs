using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The logits of a cross entropy over classes, as functions of scores, so that no matrix of logits is made.</summary>
/// <param name="Scores">[N, C].</param>
/// <param name="Others">Makes the logits of the classes that a row does not belong to.</param>
/// <param name="Own">Makes the logits of the own classes of their scores: [N] → [N], with gradient.</param>
internal sealed record ClassLogits(ClassScores Scores, OtherLogits Others, Func<Tensor, Tensor> Own)
{
    /// <summary>Scores that are logits.</summary>
    public ClassLogits(Tensor logits) : this(new ClassScores(logits), OtherLogits.Same, own => own) { }

    /// <summary>Scores that are multiplied by a number; the own scores may get a margin before that.</summary>
    public ClassLogits(ClassScores scores, double scale, Func<Tensor, Tensor>? margin = null)
        : this(scores, OtherLogits.Of(new Affine(scale)), own => S(scale) * (margin is null ? own : margin(own))) { }

    /// <summary>The cross entropy of each row, −log p: [N], in the type of the scores. A value that this type would round away beside 1 is
    /// 0, as it is in a softmax of this type, so that reducers and reports see which samples are learned. Its gradient stays.</summary>
    /// <param name="labels">int64 [N].</param>
    public Tensor Costs(Tensor labels)
    {
        var (own, top, logSum, _) = ClassSums.Of(Scores, labels, Others);
        var costs = RowMath.Softplus((top - Own(own)).Plus(logSum));
        var rounding = Scores.Rows.dtype == ScalarType.Float64 ? Math.ScaleB(1, -53) : Math.ScaleB(1, -24);
        var lost = costs.detach();
        return (costs - lost.masked_fill(lost > S(rounding), S(0)).nan_to_num(0)).to(Scores.Rows.dtype);
    }

    /// <summary>The cross entropy of each row without its own class in the denominator: [N], in the type of the scores.</summary>
    /// <param name="labels">int64 [N].</param>
    public Tensor CostsWithoutOwn(Tensor labels)
    {
        var (own, top, logSum, _) = ClassSums.Of(Scores, labels, Others);
        return (top - Own(own)).Plus(logSum).to(Scores.Rows.dtype);
    }

    /// <summary>The cross entropy of each row with smoothed labels: [N], in the type of the scores.</summary>
    /// <param name="labels">int64 [N].</param>
    /// <param name="mass">ε.</param>
    /// <param name="form">The classes that the mass is spread over.</param>
    /// <param name="categories">The category of each class, if the mass stays within categories. Default: null, over all classes.</param>
    public Tensor SmoothedCosts(Tensor labels, double mass, LabelSmoothingForm form, IReadOnlyList<long>? categories = null)
    {
        if (mass == 0) return Costs(labels);
        if (categories is not null) return WithinCategories(labels, mass, form, categories);
        var (score, top, logSum, sum) = ClassSums.Of(Scores, labels, Others);
        var above = top - Own(score);
        var cost = RowMath.Softplus(above.Plus(logSum));
        var classes = Scores.Classes;
        // A class costs the own cost minus how far its logit is above the own one.
        var all = S(classes) * cost - (S(classes - 1) * above).Plus(sum);
        return Smoothing.Spread(cost, all, full_like(cost, S(classes)), mass, form).to(Scores.Rows.dtype);
    }

    private Tensor WithinCategories(Tensor labels, double mass, LabelSmoothingForm form, IReadOnlyList<long> categories)
    {
        var (scores, places) = (Scores.Matrix, labels.unsqueeze(1));
        var own = Own(scores.gather(1, places).squeeze(1)).unsqueeze(1);
        var costs = -nn.functional.log_softmax(Others.Plain(scores).scatter(1, places, own), 1);
        return Smoothing.WithinCategories(Smoothing.Own(costs, labels), costs, labels, mass, form, categories);
    }
}
