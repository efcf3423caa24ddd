using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary><c>(Σ |xᵢ − yᵢ|ᵖ)^(1/p)</c>, computed from differences.</summary>
internal sealed class LpDistance(double p) : Distance
{
    private readonly double p = p > 0 ? p : throw new ArgumentOutOfRangeException(nameof(p), p, "p must be greater than 0.");

    protected override Tensor MatrixCore(Tensor x, Tensor y) =>
        p == 1 ? ManhattanMatrix.Of(x, y) : cdist(x, y, p, compute_mode.donot_use_mm_for_euclid_dist);

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => (x - y).norm(1, p: (float)p);

    public override bool Equals(object? obj) => obj is LpDistance other && other.p == p;

    public override int GetHashCode() => HashCode.Combine(nameof(LpDistance), p);

    public override string ToString() => FormattableString.Invariant($"Lp({p})");
}
