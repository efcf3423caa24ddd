using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>A distance between rows that are scaled to length 1 in the p-norm.</summary>
internal sealed class NormalizedDistance(Distance inner, double p) : Distance
{
    private readonly double p = Guard.Positive(p);

    /// <summary>The distance between the scaled rows.</summary>
    public Distance Inner { get; } = inner;

    /// <summary>p.</summary>
    public double Order => p;

    protected override Tensor MatrixCore(Tensor x, Tensor y)
    {
        var unit = RowMath.Unit(x, p);
        return Inner.Matrix(unit, ReferenceEquals(x, y) ? unit : RowMath.Unit(y, p));
    }

    protected override Tensor PairwiseCore(Tensor x, Tensor y) => Inner.Pairwise(RowMath.Unit(x, p), RowMath.Unit(y, p));

    internal override Distance OfPrepared => Inner.OfPrepared;

    internal override Tensor Prepare(Tensor x) => Inner.Prepare(RowMath.Unit(x, p));

    public override bool Equals(object? obj) => obj is NormalizedDistance other && other.Inner.Equals(Inner) && other.p == p;

    public override int GetHashCode() => HashCode.Combine(nameof(NormalizedDistance), Inner, p);

    public override string ToString() => p == 2 ? $"{Inner}.Normalized()" : FormattableString.Invariant($"{Inner}.Normalized({p})");
}
