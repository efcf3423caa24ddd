using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// ArcFace in which hard negatives get more weight as training proceeds: <c>s·cos θ_c·(t + cos θ_c)</c> for a class c ≠ y with
/// <c>cos θ_c &gt; cos(θ_y + m)</c>, else <c>s·cos θ_c</c>; t is the running mean of cos θ_y.
/// </summary>
/// <remarks>
/// t is the buffer <c>own_cosine</c>, updated in training mode while gradients are recorded; a batch that is not finite does not change it.
/// Default: m = 0.5 radians, s = 64, momentum 0.01, mean over the samples. Beyond θ = π − m the own class has cos θ − m·sin m, as in
/// ArcFace. Huang et al., <i>CurricularFace</i>, CVPR 2020, eqs. 8-10, and its code, which updates t in evaluation too and has no finite
/// gradient at cos θ_y = ±1.
/// <para>Thread safety: one thread at a time in training mode, where t changes; any number of threads in evaluation mode.</para>
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m in radians, in [0, π]. Default: 0.5.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <param name="momentum">The weight of a batch in t, in [0, 1]. Default: 0.01.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class CurricularFaceLoss(long classes, long dimension, double margin = 0.5, double scale = 64, double momentum = 0.01)
    : ClassLoss(nameof(CurricularFaceLoss), classes, dimension, deviation: 0.01, (MeanName, 0))
{
    private const string MeanName = "own_cosine";

    /// <summary>The margin m, in radians.</summary>
    public double Margin { get; } = Guard.Within(margin, 0, Math.PI);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <summary>The weight of a batch in t.</summary>
    public double Momentum { get; } = Guard.Within(momentum, 0, 1);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Cosines(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels)
    {
        var cosines = ClassScores.Cosines(embeddings, weights);
        var own = cosines.Of(labels);
        var t = get_buffer(MeanName)!;
        if (training && own.numel() > 0) t = RunningMean.Update(t, own.mean(), Momentum);
        var limits = (own.clamp(S(-1), S(1)).acos() + S(Margin)).cos();
        return new(cosines, HardClasses.Of(Scale, limits, t.to(own.dtype)), cosine => S(Scale) * AngularMargin.Add(cosine, Margin));
    }
}
