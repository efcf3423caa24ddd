using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Softmax cross entropy of cosines whose margin depends on the quality of the sample, judged by the length of its embedding. The logit of
/// the own class is <c>s·(cos(θ_y − m·ẑ) − m − m·ẑ)</c> with <c>ẑ = clip(h·(‖x‖ − μ)/(σ + 0.001), −1, 1)</c>.
/// </summary>
/// <remarks>
/// Poor images have short embeddings. Short embeddings get an angular margin, and long ones get an additive margin on the cosine. μ and σ
/// are the running mean and deviation of the lengths (clipped to [0.001, 100]). They are the buffers <c>length_mean</c> and
/// <c>length_deviation</c>, and are updated in training mode while gradients are recorded. A batch with a length that is NaN does not
/// change them, and a batch of one row does not change σ. ẑ has no gradient. Cosines are clipped to ±0.999, and the angle with the margin
/// to [0.001, π − 0.001]. Pass embeddings that are not normalized. Default: m = 0.4, h = 0.333, s = 64, momentum 0.01, mean over the
/// samples. Kim et al., <i>AdaFace</i>, CVPR 2022, eq. 12, and its code. That code also updates μ and σ in evaluation, and with lengths
/// that are NaN.
/// <para>Thread safety: one thread at a time in training mode, where μ and σ change; any number of threads in evaluation mode.</para>
/// </remarks>
/// <param name="classes">The number of classes C, at least 1.</param>
/// <param name="dimension">The dimension D of the embeddings, at least 1.</param>
/// <param name="margin">The margin m, finite. Default: 0.4.</param>
/// <param name="concentration">The concentration h, above 0; 0.333 by default: two thirds of the lengths lie within ẑ = ±h.</param>
/// <param name="scale">The scale s, above 0. Default: 64.</param>
/// <param name="momentum">The weight of a batch in μ and σ, in [0, 1]; 0.01 by default, 1 for the batch alone.</param>
/// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
public sealed class AdaFaceLoss(
    long classes, long dimension, double margin = 0.4, double concentration = 0.333, double scale = 64, double momentum = 0.01)
    : ClassLoss(nameof(AdaFaceLoss), classes, dimension, 1 / Math.Sqrt(Math.Max(1, dimension)), (MeanName, 20), (DeviationName, 100))
{
    private const double Epsilon = 1e-3;
    private const string MeanName = "length_mean", DeviationName = "length_deviation";

    /// <summary>The margin m.</summary>
    public double Margin { get; } = Guard.Finite(margin);

    /// <summary>The concentration h.</summary>
    public double Concentration { get; } = Guard.Positive(concentration);

    /// <summary>The scale s.</summary>
    public double Scale { get; } = Guard.Positive(scale);

    /// <summary>The weight of a batch in μ and σ.</summary>
    public double Momentum { get; } = Guard.Within(momentum, 0, 1);

    /// <inheritdoc/>
    protected override Tensor Score(Tensor embeddings, Tensor weights) => S(Scale) * Cosines(embeddings, weights);

    /// <inheritdoc/>
    private protected override ClassLogits TrainingLogits(Tensor embeddings, Tensor weights, Tensor labels)
    {
        // An entry that is not finite makes the length of its row NaN, also where the limit would hide an infinite length.
        var fixedRows = embeddings.detach();
        var lengths = fixedRows.norm(1).clamp(S(1e-3), S(100)).Plus((fixedRows * S(0)).sum(1));
        var (mean, deviation) = (get_buffer(MeanName)!, get_buffer(DeviationName)!);
        if (training && embeddings.size(0) > 0)
        {
            mean = RunningMean.Update(mean, lengths.mean(), Momentum);
            if (embeddings.size(0) > 1) deviation = RunningMean.Update(deviation, lengths.std(), Momentum);
        }
        var z = ((lengths - mean) / (deviation + S(Epsilon)) * S(Concentration)).clamp(S(-1), S(1));
        return new(ClassScores.Cosines(embeddings, weights), OtherLogits.Of(new ClampedScale(Scale, 1 - Epsilon)), own =>
        {
            var angle = own.clamp(S(-1 + Epsilon), S(1 - Epsilon)).acos() - S(Margin) * z;
            return S(Scale) * (angle.clamp(S(Epsilon), S(Math.PI - Epsilon)).cos() - S(Margin) - S(Margin) * z);
        });
    }
}
