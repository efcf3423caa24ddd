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
        var (anchors, others, scale) = Scaled(x, y);
        return Ratio(EuclideanSquared.Matrix(anchors, others), anchors.pow(S(2)).sum(1, keepdim: true), scale);
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y)
    {
        var (anchors, others, scale) = Scaled(x, y);
        return Ratio(EuclideanSquared.Pairwise(anchors, others), anchors.pow(S(2)).sum(1), scale);
    }

    public override string ToString() => nameof(SignalToNoise);

    /// <summary>The centered rows, divided by one power of two, which is returned too. The ratio does not depend on it, but without it the
    /// squares of very small or large numbers would underflow or overflow.</summary>
    private static (Tensor X, Tensor Y, Tensor Scale) Scaled(Tensor x, Tensor y)
    {
        var (anchors, others) = (RowMath.Deviations(x, 1), RowMath.Deviations(y, 1));
        var scale = RowLengths.ScaleOf(anchors, others);
        return (anchors / scale, others / scale, scale);
    }

    /// <summary>The noise over the signal. The noise of an anchor without signal is not divided, so it gets its scale back.</summary>
    private static Tensor Ratio(Tensor noise, Tensor signal, Tensor scale)
    {
        var one = ones_like(signal);
        var isZero = signal == S(0);
        var back = where(isZero, scale, one);
        return noise / where(isZero, one, signal) * back * back;
    }
}
