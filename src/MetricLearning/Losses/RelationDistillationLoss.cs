using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Teaches a student the distances and the angles between a teacher's embeddings of the same images.</summary>
/// <remarks>
/// The first view holds the student's embeddings [N, D]. The second view holds the teacher's embeddings [N, T], into which no gradient
/// flows. D and T may differ. The distance part is the mean over all N² pairs of <c>h(d(i,j)/μ − d'(i,j)/μ')</c>, where d is the Euclidean
/// distance, μ is the mean of the distances above 0, and h is Huber's loss (x²/2 up to 1, then |x| − 1/2). The angle part is the mean over
/// all N³ triples of <c>h(cos ∠ijk − cos ∠'ijk)</c>. Default: weights 1 and 2. The loss of one row, or of none, is 0. Memory O(N²·(N + D +
/// T)). The loss needs no labels. Park et al., <i>Relational Knowledge Distillation</i>, CVPR 2019, and its published code.
/// </remarks>
public sealed class RelationDistillationLoss : ViewLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="distanceWeight">The weight of the distances, 0 or greater. Default: 1.</param>
    /// <param name="angleWeight">The weight of the angles, 0 or greater; with 0 memory is O(N²). Default: 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 0 or not finite.</exception>
    public RelationDistillationLoss(double distanceWeight = 1, double angleWeight = 2) : base(nameof(RelationDistillationLoss)) =>
        (DistanceWeight, AngleWeight) = (Guard.NotNegative(distanceWeight), Guard.NotNegative(angleWeight));

    /// <summary>The weight of the distances.</summary>
    public double DistanceWeight { get; }

    /// <summary>The weight of the angles.</summary>
    public double AngleWeight { get; }

    private protected override bool NeedsOneWidth => false;

    /// <inheritdoc/>
    protected override Tensor Compare(Tensor first, Tensor second)
    {
        var teacher = second.detach();
        var value = RowMath.NaNWhereNotFinite(first).Plus(RowMath.NaNWhereNotFinite(teacher));
        if (first.size(0) < 2) return value;
        if (DistanceWeight > 0) value = value.Plus(S(DistanceWeight) * Huber(Distances(first) - Distances(teacher)));
        if (AngleWeight > 0) value = value.Plus(S(AngleWeight) * Huber(Angles(first) - Angles(teacher)));
        return value;
    }

    /// <summary>[N, N]: distances over the mean of those above 0.</summary>
    private static Tensor Distances(Tensor x)
    {
        // The result does not depend on the size of the rows, but the gradient of a tiny distance overflows.
        var scaled = x / RowLengths.ScaleOf(x, x);
        var distances = Distance.Euclidean.Matrix(scaled, scaled);
        var count = (distances > S(0)).sum().clamp_min(S(1));
        var mean = distances.sum() / count;
        return distances / where(mean > S(0), mean, ones_like(mean));
    }

    /// <summary>[N, N, N]: entry (j, i, k) is the cosine of the angle at row j between rows i and k; 0 if one equals row j.</summary>
    private static Tensor Angles(Tensor x)
    {
        var (n, width) = (x.size(0), x.size(1));
        var directions = RowMath.Unit((x.unsqueeze(0) - x.unsqueeze(1)).reshape(n * n, width)).reshape(n, n, width);
        return directions.matmul(directions.transpose(1, 2));
    }

    private static Tensor Huber(Tensor gaps)
    {
        var size = gaps.abs();
        var near = size.clamp_max(S(1));
        return (near * (size - near / S(2))).mean();
    }
}
