using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// <c>var(x − y) / var(x)</c> over the coordinates: the squared Euclidean distance of the centered rows, divided by the squared length of
/// the centered anchor.
/// </summary>
internal sealed class SignalToNoiseDistance : Distance
{
    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        (x, y) = (RowMath.Deviations(x, 1), RowMath.Deviations(y, 1));
        return EuclideanSquared.Matrix(x, y) / Signal(x).unsqueeze(1);
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y)
    {
        (x, y) = (RowMath.Deviations(x, 1), RowMath.Deviations(y, 1));
        return EuclideanSquared.Pairwise(x, y) / Signal(x);
    }

    public override string ToString() => nameof(SignalToNoise);

    private static Tensor Signal(Tensor centered)
    {
        var signal = centered.pow(S(2)).sum(1);
        return where(signal == S(0), ones_like(signal), signal);
    }
}
