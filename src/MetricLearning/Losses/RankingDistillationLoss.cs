using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace MetricLearning;

/// <summary>Teaches a student the ranking of a teacher: which rows of the batch each row is similar to, and how clearly.</summary>
/// <remarks>
/// The first view holds the student's embeddings [N, D]. The second view holds the teacher's embeddings [N, T], into which no gradient
/// flows. D and T may differ. For each row the similarities to all other rows become probabilities, <c>q = softmax(cos/τ)</c>, and the
/// value is the mean over the rows of <c>KL(q_teacher ‖ q_student) = Σ q'(log q' − log q)</c>. It is 0 if both models give the same
/// probabilities. These are ListNet's top-one probabilities (Cao et al., ICML 2007); a smaller τ gives more weight to the top of the list.
/// Default: τ = 0.1 for both. The loss of one row, or of none, is 0. The loss needs no labels. Memory O(N²). It follows contextual
/// similarity distillation (Wu et al., CVPR 2022) and SEED (Fang et al., ICLR 2021). They compare a row with rows of the gallery and of a
/// queue; this loss compares it with the other rows of the batch.
/// </remarks>
public sealed class RankingDistillationLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="temperature">τ of the student, above 0. Default: 0.1.</param>
    /// <param name="teacherTemperature">τ of the teacher, above 0. Default: 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive or not finite.</exception>
    public RankingDistillationLoss(double temperature = 0.1, double teacherTemperature = 0.1) : base(nameof(RankingDistillationLoss)) =>
        (Temperature, TeacherTemperature) = (Guard.Positive(temperature), Guard.Positive(teacherTemperature));

    /// <summary>τ of the student.</summary>
    public double Temperature { get; }

    /// <summary>τ of the teacher.</summary>
    public double TeacherTemperature { get; }

    private protected override bool NeedsOneWidth => false;

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var teacher = second.detach();
        if (first.size(0) < 2) return RowMath.NaNWhereNotFinite(first).Plus(RowMath.NaNWhereNotFinite(teacher));
        var own = log_softmax(Others(first) / S(Temperature), 1);
        var theirs = log_softmax(Others(teacher) / S(TeacherTemperature), 1);
        return RowMath.Guarded(RowMath.Mean((theirs.exp() * (theirs - own)).sum(1)), first, teacher);
    }

    /// <summary>[N, N − 1]: the cosines of each row and all others, in their order.</summary>
    private static Tensor Others(Tensor x)
    {
        var n = x.size(0);
        return RowMath.Cosines(x, x).reshape(-1).narrow(0, 1, n * n - 1).reshape(n - 1, n + 1).narrow(1, 0, n).reshape(n, n - 1);
    }
}
