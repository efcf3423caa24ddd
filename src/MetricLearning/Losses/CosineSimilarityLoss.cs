using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Makes the cosine of the rows of each pair equal to the given similarity: <c>(1/N) Σ_i (cos(x_i, y_i) − z_i)²</c>.</summary>
/// <remarks>
/// The similarities are cosines, so they lie between −1 and 1; scale ratings such as 0 to 5 before. A row of zeros has the cosine 0. The
/// loss of no pairs is 0. <see cref="CoSentLoss"/> needs only the order of the similarities. Memory O(N·D). Reimers and Gurevych,
/// <i>Sentence-BERT</i>, EMNLP 2019; sentence-transformers' CosineSimilarityLoss.
/// </remarks>
public sealed class CosineSimilarityLoss() : GradedPairLoss(nameof(CosineSimilarityLoss))
{
    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second, Tensor similarities)
    {
        var gaps = S(1) - Distance.Cosine.Pairwise(first, second) - similarities.to(first.dtype);
        return RowMath.Mean(gaps * gaps);
    }
}
