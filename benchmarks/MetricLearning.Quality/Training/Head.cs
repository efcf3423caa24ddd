namespace MetricLearning.Quality;

/// <summary>What stands between the feature map and the loss.</summary>
/// <param name="BatchNorm">Whether a <see cref="BNNeck"/> follows the features.</param>
/// <param name="GeM">Whether the map is pooled by a generalized mean in place of the mean.</param>
/// <param name="Normalized">Whether the loss sees rows of length one.</param>
internal readonly record struct Head(bool BatchNorm = false, bool GeM = false, bool Normalized = false)
{
    private static readonly bool[] both = [false, true];

    /// <summary>All heads except the default one.</summary>
    public static IEnumerable<Head> Others =>
        from batchNorm in both
        from gem in both
        from normalized in both
        where batchNorm || gem || normalized
        select new Head(batchNorm, gem, normalized);

    public override string ToString() => string.Join(" + ", new[]
    {
        BatchNorm ? "BNNeck" : "no neck", GeM ? "GeM" : "average", Normalized ? "normalized" : "not normalized",
    });
}
