using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// Sorts pairs by their given similarities: <c>log(1 + Σ exp(s·(d_i − d_j)))</c>, where d is the distance of the rows of a pair. The sum
/// runs over all i and j of which pair i is to be more similar than pair j.
/// </summary>
/// <remarks>
/// Only the order of the similarities counts, so they may have any scale. Pairs of equal similarity are not compared. Default: s = 20 and
/// cosine distance, as in sentence-transformers. A batch whose pairs are all equally similar has the loss 0, and so have one pair and no
/// pairs. Memory O(N² + N·D). Su, <i>CoSENT</i>, 2022 (kexue.fm/archives/8847); sentence-transformers' CoSENTLoss.
/// </remarks>
public sealed class CoSentLoss : GradedPairLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="scale">The scale s, above 0. Default: 20.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public CoSentLoss(double scale = 20) : base(nameof(CoSentLoss)) => Scale = Guard.Positive(scale);

    /// <summary>The scale s.</summary>
    public double Scale { get; }

    /// <summary>The distance of the rows of a pair. Default: <see cref="Distance.Cosine"/>.</summary>
    /// <exception cref="ArgumentNullException">The value is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value, nameof(Distance)); } = Distance.Cosine;

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second, Tensor similarities) =>
        PairOrder.Cost(Distance.Pairwise(first, second), similarities, Scale);
}
