namespace MetricLearning.Conformance;

/// <summary>The cases in which a peer raises or gives NaN: the reason, and the right value.</summary>
public static class PeerDefects
{
    private static readonly (string Case, string Batch, double? Value, string Reason)[] known =
    [
        ("centroid_triplet", "all_distinct", 0, "the peer wants two rows of every class; here a row alone in its class is no anchor"),
        ("histogram_", "", null, "the peer bins in float32 and places equal rows outside its histogram"),
        ("nca_", "all_distinct", 0, "the peer takes the mean of nothing where no row has a positive"),
        ("vicreg", "batch1", null, "the peer takes the variance of one row; here one row has the first term alone"),
        ("rsb_", "one_class", 0, "the peer takes the minimum of no negatives"),
        ("rsb_", "", null, "the peer cuts the rows into classes of one size"),
        ("torchreid_", "batch1", 0, "the peer takes the minimum of no negatives"),
        ("torchreid_", "one_class", 0, "the peer takes the minimum of no negatives"),
        ("semihard_", "all_distinct", 0, "the peer divides by the number of positive pairs, 0"),
        ("semihard_", "batch1", 0, "the peer divides by the number of positive pairs, 0"),
    ];

    /// <summary>The value that the library states for such a case (null: any finite value), and why the peer has none.</summary>
    public static (double? Value, string Reason) Of(GoldenCase golden)
    {
        var found = known.FirstOrDefault(defect => golden.Name.StartsWith(defect.Case, StringComparison.Ordinal)
            && (defect.Batch.Length == 0 || defect.Batch == golden.Batch));
        return found.Reason is null ? (null, $"the peer gives no value: {golden.Raises ?? "NaN"}") : (found.Value, found.Reason);
    }
}
