using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls each embedding of a student toward the teacher's embedding of the same image.</summary>
/// <remarks>
/// The first view holds the student's embeddings [N, D]. The second view holds the teacher's embeddings [N, D], into which no gradient
/// flows. The cosine form is <c>mean (1 − cos(s, t))</c> over the rows. The squared form is <c>mean (s − t)²</c> over all numbers, as in
/// sentence-transformers' MSELoss. The loss needs no labels. If the student has another width, add a layer that maps to the teacher's
/// width, or use <see cref="RelationDistillationLoss"/> or <see cref="RankingDistillationLoss"/>, which take any width. A row of zeros has
/// the cosine 0. Without rows the loss is 0.
/// </remarks>
public sealed class EmbeddingDistillationLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="form">The quantity to compare. Default: the cosine.</param>
    /// <exception cref="ArgumentOutOfRangeException">The enum has no such value.</exception>
    public EmbeddingDistillationLoss(DistillationForm form = DistillationForm.Cosine) : base(nameof(EmbeddingDistillationLoss)) =>
        Form = Guard.Defined(form);

    /// <summary>The quantity that is compared.</summary>
    public DistillationForm Form { get; }

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var teacher = second.detach();
        if (Form == DistillationForm.Cosine) return RowMath.Mean(CosineDistances.Of(first, teacher));
        var gaps = nn.functional.mse_loss(first, teacher, first.size(0) == 0 ? nn.Reduction.Sum : nn.Reduction.Mean);
        return RowMath.Guarded(gaps, first, teacher);
    }
}
