using static TorchSharp.torch;

namespace MetricLearning.Benchmarks;

/// <summary>Checks that two implementations of the same work give the same result.</summary>
/// <param name="Tolerance">The largest difference, relative to the largest entry of the partner's result, or to 0.001 if that entry is
/// smaller.</param>
/// <param name="Rows">The share of a result's rows that must be within the tolerance.</param>
internal sealed record Agreement(double Tolerance, double Rows = 1)
{
    /// <summary>Equal up to the rounding of float32.</summary>
    public static Agreement Rounding { get; } = new(2e-4);

    /// <summary>
    /// Equal up to rounding, except for 1 % of the rows: if candidates are equally hard up to rounding, the implementations may choose
    /// different ones. A scalar (the loss) has one row and must always agree.
    /// </summary>
    public static Agreement Choice { get; } = new(2e-4, 0.99);

    /// <summary>Describes the difference; null if the results agree.</summary>
    public string? Difference(Tensor[] ours, Tensor[] naive)
    {
        if (ours.Length != naive.Length) return $"{ours.Length} results against {naive.Length}";
        for (var i = 0; i < ours.Length; i++)
            if (Difference(ours[i], naive[i]) is { } difference) return $"result {i}: {difference}";
        return null;
    }

    private string? Difference(Tensor ours, Tensor naive)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (!ours.shape.AsSpan().SequenceEqual(naive.shape))
            return $"[{string.Join(", ", ours.shape)}] against [{string.Join(", ", naive.shape)}]";
        if (ours.numel() == 0) return null;
        var (a, b) = (ours.to(ScalarType.Float64), naive.to(ScalarType.Float64));
        var gaps = (a - b).abs() / Math.Max(1e-3, b.abs().max().item<double>());
        var bad = (gaps <= Tolerance).logical_not();       // NaN counts as a difference
        var rows = bad.dim() < 2 ? bad : bad.flatten(1).any(1);
        var wrong = rows.to(ScalarType.Int64).sum().item<long>();
        if (wrong <= (1 - Rows) * rows.numel()) return null;
        var most = gaps.nan_to_num(double.PositiveInfinity).max().item<double>();
        return FormattableString.Invariant($"{wrong} of {rows.numel()} rows differ, by {most:G3} at most");
    }
}
