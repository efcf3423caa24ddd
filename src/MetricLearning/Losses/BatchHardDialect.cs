namespace MetricLearning;

/// <summary>Published forms of the triplet loss with the hardest triplet of each anchor, for <see cref="TripletLoss.BatchHard"/>.</summary>
/// <remarks>
/// In all of them an anchor without a positive is its own positive, at distance 0 or 10⁻⁶, so it contributes [m − d_an]₊. The mean is over
/// all anchors. A batch of one class has the loss 0 here; some of these libraries raise an error.
/// </remarks>
public enum BatchHardDialect
{
    /// <summary>torchreid's <c>TripletLoss</c>: √max(d², 10⁻¹²); equally hard candidates share the gradient.</summary>
    TorchReId,

    /// <summary>reid-strong-baseline, TransReID, CLIP-ReID, SOLIDER: as in torchreid, but only one of several equally hard candidates is
    /// used. In this library, classes may have different sizes.</summary>
    StrongBaseline,

    /// <summary>fast-reid's <c>triplet_loss</c> with hard mining: as in reid-strong-baseline.</summary>
    FastReId,

    /// <summary>fast-reid with <c>norm_feat</c>: the distance is 2 − 2·cos.</summary>
    FastReIdNormalized,

    /// <summary>Hermans et al.: the plain Euclidean distance.</summary>
    Hermans,
}
