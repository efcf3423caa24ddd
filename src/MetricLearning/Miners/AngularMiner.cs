using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Keeps the triplets whose angle at the negative is more than α.</summary>
/// <remarks>
/// The angle is that of the angular loss, arctan(d(a,p) / (2·d(n,c))), where c is the midpoint of anchor and positive. It is more than α if
/// d(a,p)² &gt; 2·sin²α·(d(a,n)² + d(p,n)²), so the distances are enough. This holds for Euclidean distances only:
/// <see cref="Distance.Euclidean"/> (the default, which pytorch-metric-learning uses too), or <c>Distance.Euclidean.Normalized()</c> for
/// rows of length 1. Memory: the triplets that are kept, and a block of a few million distances. Wang et al., <i>Deep Metric Learning with
/// Angular Loss</i>, ICCV 2017; as in pytorch-metric-learning's AngularMiner.
/// </remarks>
public sealed class AngularMiner : Miner
{
    private const long BlockElements = 1 << 22;
    private readonly double factor;

    /// <summary>Creates the miner.</summary>
    /// <param name="angle">The angle α in degrees, above 0 and below 90; 20 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The angle is out of range.</exception>
    public AngularMiner(double angle = 20) : base(Distance.Euclidean, Distance.Euclidean.Normalized())
    {
        Angle = angle is > 0 and < 90 ? angle : throw new ArgumentOutOfRangeException(nameof(angle), angle,
            "angle must be above 0 and below 90 degrees.");
        factor = 2 * Math.Pow(Math.Sin(angle * Math.PI / 180), 2);
    }

    /// <summary>The angle α in degrees.</summary>
    public double Angle { get; }

    /// <inheritdoc/>
    public override Tuples Mine(DistanceView distances)
    {
        ArgumentNullException.ThrowIfNull(distances);
        RequireAllowed(distances.Distance);
        var (toReferences, amongReferences) = (distances.Matrix, distances.AmongReferences.Matrix);
        var candidates = distances.Batch.Candidates;
        return candidates.Rows == 0 || candidates.Columns == 0 ? candidates
            : WithoutGradient(candidates, () => Mine(toReferences.detach(), amongReferences.detach(), candidates));
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The batch is compared with references: the distances of the references to each other are
    /// not in the matrix.</exception>
    protected override Tuples MineCore(Tensor distances, Pairs candidates) =>
        candidates.Self is not null && candidates.Rows == candidates.Columns
        ? Mine(distances, distances, candidates)
        : throw new InvalidOperationException(
            "The angular miner also needs the distances of the references to each other: pass the DistanceView of a batch.");

    private Triplets Mine(Tensor toReferences, Tensor amongReferences, Pairs candidates)
    {
        var (anchors, positives) = candidates.PositivePairs();
        var unit = PowerOfTwoBelow(maximum(toReferences.amax(), amongReferences.amax()));
        var (an, pn) = ((toReferences / unit).pow(S(2)), (amongReferences / unit).pow(S(2)));
        List<Tensor> a = [anchors.narrow(0, 0, 0)], p = [anchors.narrow(0, 0, 0)], n = [anchors.narrow(0, 0, 0)];
        var block = Math.Max(1, BlockElements / candidates.Columns);
        const double bytesOfATriplet = 6 * sizeof(long);        // in blocks, and joined
        var count = 0L;
        for (var from = 0L; from < anchors.size(0); from += block)
        {
            using var scope = NewDisposeScope();
            var length = Math.Min(block, anchors.size(0) - from);
            var (rows, columns) = (anchors.narrow(0, from, length), positives.narrow(0, from, length));
            var ap = an.reshape(-1).index_select(0, (rows * S(candidates.Columns)).Plus(columns)).unsqueeze(1);
            var narrow = ap <= an.index_select(0, rows).Plus(pn.index_select(0, columns)) * S(factor);
            var found = (candidates.Negatives.index_select(0, rows) & narrow.logical_not()).nonzero();
            count += found.size(0);
            TripletMemory.Require(count, count * bytesOfATriplet, anchors.device);
            a.Add(rows.index_select(0, found.select(1, 0)).MoveToOuterDisposeScope());
            p.Add(columns.index_select(0, found.select(1, 0)).MoveToOuterDisposeScope());
            n.Add(found.select(1, 1).clone().MoveToOuterDisposeScope());
        }
        return new(cat(a), cat(p), cat(n), candidates.Rows, candidates.Columns);
    }

    /// <summary>A unit for distances in which no square overflows and not all squares underflow. It is a power of two, so dividing by it
    /// does not round.</summary>
    private static Tensor PowerOfTwoBelow(Tensor largest)
    {
        var power = largest.log2().floor().exp2();
        return where(power.isfinite() & (power > S(0)), power, ones_like(power));
    }
}
