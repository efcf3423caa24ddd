using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// 1 − a smooth recall at k of each anchor: <c>1 − mean_k Σ_p σ((k − 1 − R_p) / τ₁) / min(k, |P|)</c>, where <c>R_p = Σ_z σ((d_p − d_z) /
/// τ₂)</c> counts the others that are nearer than the positive p.
/// </summary>
/// <remarks>
/// Default: k = 1, 2, 4, 8, 16, τ₁ = 1, τ₂ = 0.01, cosine distance, mean over the anchors that have positives. The authors train with
/// batches of thousands: see <see cref="GradientCache"/>. Memory O(N²): ranks of many pairs are computed in blocks. Patel, Tolias, Matas,
/// <i>Recall@k Surrogate Loss with Large Batches and Similarity Mixup</i>, CVPR 2022, eq. 6. The authors' code differs in three points. The
/// anchor is one of the others z, so each R_p is greater by σ((1 − s_p) / τ₂), which is about 1. The sum over p is cut at k. All classes
/// must have one size. This loss has no mixup.
/// </remarks>
public sealed class SmoothRecallAtKLoss : TupleLoss
{
    private readonly int[] depths;

    /// <summary>Creates the loss.</summary>
    /// <param name="depths">The values of k, each at least 1; 1, 2, 4, 8, 16 if none is given.</param>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A k is below 1.</exception>
    public SmoothRecallAtKLoss(params IReadOnlyList<int> depths) : base(nameof(SmoothRecallAtKLoss))
    {
        ArgumentNullException.ThrowIfNull(depths);
        this.depths = depths.Count == 0 ? [1, 2, 4, 8, 16] : [.. depths];
        foreach (var depth in this.depths) Guard.AtLeast(depth, 1, nameof(depths));
        Distance = Distance.Cosine;
    }

    /// <summary>The values of k.</summary>
    public IReadOnlyList<int> Depths => depths;

    /// <summary>The depth temperature τ₁, above 0: how softly a rank is compared with k. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0 or not finite.</exception>
    public double DepthTemperature { get; init => field = Guard.Positive(value); } = 1;

    /// <summary>The rank temperature τ₂, above 0: how softly distances are compared. Default: 0.01.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not above 0 or not finite.</exception>
    public double RankTemperature { get; init => field = Guard.Positive(value); } = 0.01;

    /// <summary>
    /// Whether the anchor is part of its own ranking, as in open-metric-learning: it is a positive at the first rank, k is one greater, and
    /// a positive counts as ½ before itself. Default: false.
    /// </summary>
    public bool AnchorIsRanked { get; init; }

    /// <summary>Creates open-metric-learning's SurrogatePrecision: one k, the Euclidean distance of the embeddings as they are, and the
    /// anchor in its own ranking. Anchors without positives are left out here; in that library they find themselves.</summary>
    /// <param name="depth">k, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">k is below 1.</exception>
    public static SmoothRecallAtKLoss SurrogatePrecision(int depth) =>
        new(Guard.AtLeast(depth, 1)) { AnchorIsRanked = true, Distance = Distance.Euclidean };

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        var pairs = tuples.AsPairs();
        var (rows, columns) = AnchorIsRanked ? SmoothRank.WithSelf(pairs) : pairs.PositivePairs();
        if (rows.size(0) == 0) yield break;
        var others = pairs.Positives | pairs.Negatives;
        var nearer = SmoothRank.Nearer(distances.Matrix, rows, columns, AnchorIsRanked ? others | pairs.Own() : others, RankTemperature);
        var counts = bincount(rows, minlength: (int)pairs.Rows).index_select(0, rows);
        var found = zeros_like(nearer);
        foreach (var k in depths)
        {
            // A positive counts as nearer than itself by ½, so 1 + R without the anchor is ½ + nearer.
            // The mean over |P| becomes a sum over min(k, |P|).
            var (depth, most) = AnchorIsRanked ? (k + 1.0, k + 1L) : (k - 0.5, k);
            found = found.Plus(((S(depth) - nearer) / S(DepthTemperature)).sigmoid() * counts / counts.clamp_max(S(most)));
        }
        yield return SmoothRank.MeanByRow(S(1) - found / S(depths.Length), rows, pairs.Rows);
    }
}
