using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>
/// A triplet loss without a margin: <c>w·(d(a,p) − d(a,n))</c>, where w is the share of recent triplets that are easier (the
/// cumulative histogram of d(a,p) − d(a,n)).
/// </summary>
/// <remarks>
/// Default: 10 bins on [−2, 2], momentum 0.01, Euclidean distance of rows of length 1, all triplets, mean, as in pytorch-metric-learning;
/// the paper mines the hardest negative. All triplets of a large batch are summed in blocks, as in <see cref="TripletLoss"/>, unless the
/// reducer needs each value. The loss may be negative. The histogram is the buffer <c>histogram</c> and is saved with the module. It is
/// updated before it is used, but only in training mode while gradients are recorded. Values beyond the last bin count in the last bin; in
/// pytorch-metric-learning they cause an error. Zhang, Rusinkiewicz, <i>Learning Local Descriptors with a CDF-Based Dynamic Soft
/// Margin</i>, ICCV 2019.
/// <para>Thread safety: one thread at a time in training mode, where the histogram changes; any number of threads in evaluation
/// mode.</para>
/// </remarks>
public sealed class DynamicSoftMarginLoss : TupleLoss
{
    private readonly Tensor histogram;

    /// <summary>Creates the loss.</summary>
    /// <param name="minimum">The left end of the first bin, below 0. The right end of the last bin is −minimum. Default: −2.</param>
    /// <param name="bins">The number of bins, at least 2. Default: 10.</param>
    /// <param name="momentum">The weight of one triplet of the current batch, in (0, 1]; all earlier triplets together have 1 minus this
    /// weight. Default: 0.01.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is outside its range or not finite.</exception>
    public DynamicSoftMarginLoss(double minimum = -2, int bins = 10, double momentum = 0.01) : base(nameof(DynamicSoftMarginLoss))
    {
        Minimum = double.IsFinite(minimum) && minimum < 0 ? minimum
            : throw new ArgumentOutOfRangeException(nameof(minimum), minimum, $"{nameof(minimum)} must be finite and less than 0.");
        Bins = Guard.AtLeast(bins, 2);
        Momentum = Guard.Within(Guard.Positive(momentum), 0, 1, nameof(momentum));
        Distance = Distance.Euclidean.Normalized();
        histogram = zeros(Bins, ScalarType.Float64);
        register_buffer(nameof(histogram), histogram);
    }

    /// <summary>The left end of the first bin.</summary>
    public double Minimum { get; }

    /// <summary>The number of bins.</summary>
    public int Bins { get; }

    /// <summary>The weight of one triplet of the current batch; all earlier triplets together have 1 minus this weight.</summary>
    public double Momentum { get; }

    /// <summary>
    /// Whether the gradient also flows through the weights, into the histogram of the current batch, as in pytorch-metric-learning. False
    /// by default: the weights are constants.
    /// </summary>
    public bool DifferentiateWeights { get; init; }

    /// <inheritdoc/>
    protected override IEnumerable<LossTerm> Terms(DistanceView distances, Tuples tuples)
    {
        if (PairsToSum(distances, tuples, signed: true) is { } pairs)
        {
            yield return Sums(distances.Matrix, tuples.AsPairs().Negatives, pairs.Rows, pairs.Columns);
            yield break;
        }
        var triplets = tuples.AsTriplets();
        if (triplets.Count == 0) yield break;
        var gaps = distances[triplets.Anchors, triplets.Positives] - distances[triplets.Anchors, triplets.Negatives];
        var easier = Easier(() => Counts(Weighing(gaps).unsqueeze(0)));
        yield return new(Weighted(gaps, easier), triplets.Anchors);
    }

    /// <summary>Computes for each positive pair the sum over its anchor's negatives. The blocks are computed twice: first for the
    /// histogram, then for the values.</summary>
    private LossTerm Sums(Tensor matrix, Tensor negatives, Tensor rows, Tensor columns)
    {
        static Tensor Gaps(Tensor distances, Tensor anchors, Tensor positives)
        {
            var far = distances.index_select(0, anchors);
            return far.gather(1, positives.unsqueeze(1)) - far;
        }
        var width = negatives.size(1);
        var easier = Easier(() => PairBlocks.Map([Weighing(matrix), negatives], rows, columns, width,
            (m, anchors, positives) => Counts(Gaps(m[0], anchors, positives), m[1].index_select(0, anchors))));
        return PairBlocks.Sums([matrix, negatives, easier], rows, columns, width,
            (m, anchors, positives) => (Weighted(Gaps(m[0], anchors, positives), m[2]), m[1].index_select(0, anchors)));
    }

    /// <summary>The distances that the weights come from, with or without gradient.</summary>
    private Tensor Weighing(Tensor distances) => DifferentiateWeights ? distances : distances.detach();

    /// <summary>w·(d(a,p) − d(a,n)), from the gaps d(a,p) − d(a,n) and the share of triplets up to each bin.</summary>
    private Tensor Weighted(Tensor gaps, Tensor easier) =>
        gaps * easier.index_select(0, Bin(Place(gaps.detach())).reshape(-1)).reshape(gaps.shape).to(gaps.dtype);

    /// <summary>The position of each gap, in bins from the left end. Gaps that are not finite are at the left end.</summary>
    private Tensor Place(Tensor gaps) => ((gaps.to(ScalarType.Float64) - S(Minimum)) / S(-2 * Minimum / Bins))
        .nan_to_num(0, 0, 0).clamp(S(0), S(Bins));

    private Tensor Bin(Tensor place) => place.detach().floor().clamp_max(S(Bins - 1)).to(ScalarType.Int64);

    /// <summary>
    /// Counts gaps in soft bins: [k, M] → [k, bins]. Each gap that is finite and kept is shared between its bin and the next one, in
    /// proportion to its position between them.
    /// </summary>
    private Tensor Counts(Tensor gaps, Tensor? kept = null)
    {
        var counted = kept is null ? gaps.isfinite() : gaps.isfinite() & kept;
        var place = Place(gaps);
        var bin = Bin(place);
        var fraction = place - bin;
        return zeros(gaps.size(0), Bins, ScalarType.Float64, gaps.device)
            .scatter_add(1, bin, (S(1) - fraction) * counted)
            .scatter_add(1, (bin + S(1)).clamp_max(S(Bins - 1)), fraction * counted);
    }

    /// <summary>The cumulative histogram. In training the batch is mixed into it first.</summary>
    /// <param name="counts">[k, bins] of the batch.</param>
    private Tensor Easier(Func<Tensor> counts) => (training && is_grad_enabled() ? Mix(counts().sum(dim: 0)) : histogram).cumsum(0);

    /// <summary>Mixes the counts of a batch into the histogram.</summary>
    private Tensor Mix(Tensor seen)
    {
        var mixed = where(histogram.sum() == S(0), seen, (S(1 - Momentum) * histogram).Plus(S(Momentum) * seen));
        mixed = mixed / mixed.sum().clamp_min(S(double.Epsilon));
        StateChanges.Before(histogram);
        using (no_grad()) histogram.copy_(mixed);
        return mixed;
    }
}
