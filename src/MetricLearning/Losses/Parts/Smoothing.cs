using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Cross entropy with smoothed labels: a part of a label's mass is spread over classes.</summary>
internal static class Smoothing
{
    /// <summary>The cost of each sample's own class: [N, C] costs −log p → [N].</summary>
    public static Tensor Own(Tensor costs, Tensor labels) => costs.gather(1, labels.unsqueeze(1)).squeeze(1);

    /// <summary>(1 − ε) times the own cost plus ε times the mean cost of the classes that the mass is spread over: [N].</summary>
    /// <param name="own">[N], the cost of the own class.</param>
    /// <param name="sums">[N], the sum of the costs of all classes among which the mass is spread, the own class too.</param>
    /// <param name="counts">[N], the number of those classes.</param>
    /// <param name="mass">ε.</param>
    /// <param name="form">The classes that the mass is spread over.</param>
    public static Tensor Spread(Tensor own, Tensor sums, Tensor counts, double mass, LabelSmoothingForm form)
    {
        if (form != LabelSmoothingForm.AllClasses) (sums, counts) = (sums - own, (counts - S(1)).clamp_min(S(1)));
        var epsilon = form == LabelSmoothingForm.Adaptive ? S(mass) * own.detach().neg().exp() : full_like(own, S(mass));
        return ((S(1) - epsilon) * own).Plus(epsilon * sums / counts);
    }

    /// <summary>The same with the mass of each sample spread over the classes of its category: [N].</summary>
    /// <param name="own">[N], the cost of the own class.</param>
    /// <param name="costs">[N, C], −log p.</param>
    /// <param name="labels">int64 [N].</param>
    /// <param name="mass">ε.</param>
    /// <param name="form">The classes of the category that the mass is spread over.</param>
    /// <param name="categories">The category of each class.</param>
    public static Tensor WithinCategories(Tensor own, Tensor costs, Tensor labels, double mass, LabelSmoothingForm form,
        IReadOnlyList<long> categories)
    {
        var (sums, counts) = WithinCategory(costs, labels, categories);
        return Spread(own, sums, counts, mass, form);
    }

    /// <summary>For each sample the sum of the costs of the classes of its category, and the number of those classes.</summary>
    private static (Tensor Sums, Tensor Counts) WithinCategory(Tensor costs, Tensor labels, IReadOnlyList<long> categories)
    {
        var numbers = Groups.Number(categories);
        var ofClass = tensor(Array.ConvertAll(numbers, number => (long)number), device: costs.device);
        var ofSample = ofClass.index_select(0, labels);
        var sums = zeros([costs.size(0), numbers.Max() + 1], costs.dtype, costs.device).index_add(1, ofClass, costs, S(1));
        return (Own(sums, ofSample), bincount(ofClass).to(costs.dtype).index_select(0, ofSample));
    }
}
