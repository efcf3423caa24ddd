using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The logit of the own class as a linear function of its score, <c>scale·(score − margin)</c>.</summary>
/// <param name="Scale">The factor.</param>
/// <param name="Margin">The margin. Default: 0.</param>
internal readonly record struct OwnLogit(double Scale, double Margin = 0)
{
    /// <summary>The logit of a score.</summary>
    public double At(double score) => Scale * (score - Margin);

    /// <summary>The same by tensor operations, with gradient: [N] → [N].</summary>
    public Tensor Plain(Tensor scores) => S(Scale) * (Margin == 0 ? scores : scores - S(Margin));
}
