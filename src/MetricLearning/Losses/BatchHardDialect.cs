namespace MetricLearning;

/// <summary>Published forms of the triplet loss with the hardest triplet of each anchor, for <see cref="TripletLoss.BatchHard"/>.</summary>
/// <remarks>
/// In all of them an anchor without a positive contributes [m − d_an]₊ (its positive is itself, at distance 0 or 10⁻⁶), and the mean is
/// over all anchors. A batch of one class has the loss 0 here; some of these libraries raise an error.
/// </remarks>
public enum BatchHardDialect
{
    /// <summary>torchreid's <c>TripletLoss</c>: √max(d², 10⁻¹²); equally hard candidates share the gradient.</summary>
    TorchReId,

    /// <summary>reid-strong-baseline, TransReID, CLIP-ReID, SOLIDER: as in torchreid, but only one of several equally hard candidates is
    /// used. Classes may have different sizes here.</summary>
    StrongBaseline,

    /// <summary>fast-reid's <c>triplet_loss</c> with hard mining: as in reid-strong-baseline.</summary>
    FastReId,

    /// <summary>fast-reid with <c>norm_feat</c>: the distance is 2 − 2·cos.</summary>
    FastReIdNormalized,

    /// <summary>Hermans et al.: the plain Euclidean distance.</summary>
    Hermans,
}
