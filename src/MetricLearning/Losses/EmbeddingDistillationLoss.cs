using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Pulls each embedding of a student toward the teacher's embedding of the same image.</summary>
/// <remarks>
/// The first view is the student's [N, D], the second the teacher's [N, D], which is a constant here. The cosine form is <c>mean (1 −
/// cos(s, t))</c> over the rows, the squared form <c>mean (s − t)²</c> over all numbers, as in sentence-transformers' MSELoss. Needs no
/// labels. A student of another width needs a layer to the teacher's width, or <see cref="RelationDistillationLoss"/> or
/// <see cref="RankingDistillationLoss"/>, which take any width. A row of zeros has the cosine 0; no rows: 0.
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
        var rows = Form == DistillationForm.Cosine
            ? S(1) - (RowMath.Unit(first) * RowMath.Unit(teacher)).sum(1)
            : (first - teacher).pow(S(2)).mean([1]);
        return RowMath.Guarded(RowMath.Mean(rows), first, teacher);
    }
}
