using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A distance between rows that are scaled to length 1 in the p-norm.</summary>
internal sealed class NormalizedDistance(Distance inner, double p) : Distance
{
    private readonly Distance inner = inner;
    private readonly double p = Guard.Positive(p);

    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        var unit = RowMath.Unit(x, p);
        return inner.Matrix(unit, ReferenceEquals(x, y) ? unit : RowMath.Unit(y, p));
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => inner.Pairwise(RowMath.Unit(x, p), RowMath.Unit(y, p));

    internal override Distance OfPrepared => inner.OfPrepared;

    internal override Tensor Prepare(Tensor x) => inner.Prepare(RowMath.Unit(x, p));

    public override bool Equals(object? obj) => obj is NormalizedDistance other && other.inner.Equals(inner) && other.p == p;

    public override int GetHashCode() => HashCode.Combine(nameof(NormalizedDistance), inner, p);

    public override string ToString() => p == 2 ? $"{inner}.Normalized()" : FormattableString.Invariant($"{inner}.Normalized({p})");
}
