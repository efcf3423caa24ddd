using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>(Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c>, computed from differences.</summary>
/// <remarks>The power of a small difference is 0 in float32, of 10⁻¹⁵ for p = 3, and that of a large one overflows. So powers are float64
/// (<see cref="LpPowers"/>), or the rows are scaled. If rows are scaled and p is above 4, a matrix is computed in float64, because a power
/// of 10⁻⁵ of the largest number may be 0 too.</remarks>
internal sealed class LpDistance(double p) : Distance
{
    private const double LargestSingle = 4;

    private readonly double p = p > 0 ? p : throw new ArgumentOutOfRangeException(nameof(p), p, "p must be greater than 0.");

    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        if (p == 1) return ManhattanMatrix.Of(x, y);
        if (LpPowers.Supports(x, p)) return LpMatrix.Of(x, y, (int)p);
        var scale = RowLengths.ScaleOf(x, y);
        var type = p > LargestSingle && double.IsFinite(p) ? ScalarType.Float64 : x.dtype;
        Tensor Scaled(Tensor rows) => (rows / scale).to(type);
        return cdist(Scaled(x), Scaled(y), p, compute_mode.donot_use_mm_for_euclid_dist).to(x.dtype) * scale;
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => LpDistances.Of(x, y, p);

    public override bool Equals(object? obj) => obj is LpDistance other && other.p == p;

    public override int GetHashCode() => HashCode.Combine(nameof(LpDistance), p);

    public override string ToString() => FormattableString.Invariant($"Lp({p})");
}
