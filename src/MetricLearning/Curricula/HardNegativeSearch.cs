using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Searches a whole corpus for rows that a model confuses: for each row, near rows of other classes.</summary>
/// <remarks>
/// A miner sees one batch, which holds a hard negative by chance. This search compares all rows. Extract the features of the training set
/// with the current model, search, and train on the triplets. Repeat this every few epochs.
/// <code>
/// var search = new HardNegativeSearch { NegativesPerAnchor = 2, SkippedRanks = 1, AbsoluteMargin = 0.05 };
/// var found = search.Find(set.Features, set.Identities);
/// var sampler = new FixedTripletsSampler([.. found.Select(hard =&gt; hard.Triplet)], tripletsPerBatch: 32);
/// </code>
/// Similarity is the cosine. Candidates are ranked by it, the most similar first, and equal ones by their row. The first ranks are the
/// hardest candidates, and the likeliest to have a wrong label. The options are those of sentence-transformers' <c>mine_hard_negatives</c>
/// (<c>range_min</c>, <c>range_max</c>, <c>min_score</c>, <c>max_score</c>, <c>absolute_margin</c>, <c>relative_margin</c>,
/// <c>num_negatives</c>, <c>sampling_strategy</c>, and a teacher in place of its cross encoder). Time O(N²·D) and a sort of each row;
/// memory O(N) for each row of a block, of which there are at most 256, and fewer above 262,144 rows.
/// <para>Thread safety: immutable; any number of threads may search at once.</para>
/// </remarks>
public sealed record HardNegativeSearch
{
    /// <summary>The largest number of rows of a block, and of its similarities. More take more memory and save no time.</summary>
    private const int MostRows = 256, MostSimilarities = 1 << 26;

    /// <summary>The largest number of negatives of an anchor, at least 1. Default: 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int NegativesPerAnchor { get; init => field = Guard.AtLeast(value, 1); } = 3;

    /// <summary>The number of nearest candidates that are left out, 0 or greater. Default: 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public int SkippedRanks { get; init => field = Guard.AtLeast(value, 0); }

    /// <summary>The number of nearest candidates to consider, including the skipped ones, at least 1. Default: 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public int LastRank { get; init => field = Guard.AtLeast(value, 1); } = 100;

    /// <summary>A negative must be less similar than this; null (the default) for no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? MaximumSimilarity { get; init => field = value is { } given ? Guard.Finite(given, nameof(MaximumSimilarity)) : null; }

    /// <summary>A negative must be more similar than this; null (the default) for no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? MinimumSimilarity { get; init => field = value is { } given ? Guard.Finite(given, nameof(MinimumSimilarity)) : null; }

    /// <summary>The absolute margin m: the similarity of a negative must be at most s − m, where s is the similarity of the positive.
    /// Otherwise it counts as a false negative. Null (the default) for no such limit. With a negative m, negatives may be nearer than the
    /// positive.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? AbsoluteMargin { get; init => field = value is { } given ? Guard.Finite(given, nameof(AbsoluteMargin)) : null; }

    /// <summary>The relative margin r: the similarity of a negative must be at most s − r·|s|, where s is the similarity of the positive.
    /// Null (the default) for no such limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is not finite.</exception>
    public double? RelativeMargin { get; init => field = value is { } given ? Guard.Finite(given, nameof(RelativeMargin)) : null; }

    /// <summary>Whether the positive is the farthest row of the class instead of the nearest. Margins are measured from the positive.
    /// Default: false.</summary>
    public bool FarthestPositive { get; init; }

    /// <summary>Whether the negatives are drawn at random among the candidates that pass the limits, instead of taking the nearest ones.
    /// Default: false.</summary>
    public bool Draws { get; init; }

    /// <summary>The seed of the draws. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Searches a corpus.</summary>
    /// <param name="features">[N, D], floating point and finite.</param>
    /// <param name="labels">N labels; only equality counts.</param>
    /// <param name="teacher">[N, T]: features of a stronger model, by which the positive is chosen and margins and limits are measured. The
    /// ranks stay those of <paramref name="features"/>. Null (the default) to measure by the features themselves.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The triplets in the order of their anchors; those of one anchor begin with the nearest negative. An anchor without another
    /// row of its class, or without a candidate that passes, has no triplet.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a feature is not finite; the message says which.</exception>
    /// <exception cref="InvalidOperationException"><see cref="SkippedRanks"/> is not below <see cref="LastRank"/>.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public IReadOnlyList<HardNegative> Find(Tensor features, IReadOnlyList<long> labels, Tensor? teacher = null,
        CancellationToken cancellationToken = default)
    {
        Guard.Matrix(features);
        ArgumentNullException.ThrowIfNull(labels);
        if (labels.Count != features.size(0))
            throw new ArgumentException($"labels must be {features.size(0)}, one per row, got {labels.Count}.", nameof(labels));
        Guard.Finite(features);
        if (teacher is not null)
        {
            Guard.Matrix(teacher);
            if (teacher.size(0) != features.size(0))
                throw new ArgumentException($"teacher must be [{features.size(0)}, T], got {Guard.Shape(teacher)}.", nameof(teacher));
            Guard.Finite(teacher);
        }
        if (SkippedRanks >= LastRank)
            throw new InvalidOperationException($"SkippedRanks must be below LastRank, got {SkippedRanks} and {LastRank}.");
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var rows = RowMath.Unit(RowMath.Widen(features.detach()));
        var guide = teacher is null ? rows : RowMath.Unit(RowMath.Widen(teacher.detach()));
        var classes = tensor(labels.ToArray(), device: rows.device);
        var found = new List<HardNegative>();
        var step = BlockOf(rows.size(0));
        for (var start = 0L; start < rows.size(0); start += step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var block = NewDisposeScope();
            var count = Math.Min(step, rows.size(0) - start);
            FindIn(start, count, rows, guide, classes, found);
        }
        return found;
    }

    /// <summary>The number of rows that are compared with all rows at a time.</summary>
    /// <param name="rows">The number of all rows.</param>
    internal static int BlockOf(long rows) => (int)Math.Clamp(MostSimilarities / Math.Max(1, rows), 1, MostRows);

    private void FindIn(long start, long count, Tensor rows, Tensor guide, Tensor classes, List<HardNegative> found)
    {
        var cosines = Product.Of(rows.narrow(0, start, count), rows);
        var same = classes.narrow(0, start, count).unsqueeze(1) == classes.unsqueeze(0);
        var positives = same.clone();
        positives.diagonal(start).fill_(S(false));
        var candidates = same.logical_not();
        // The features give the ranks. The guide gives the similarities that are compared.
        var (_, order, available) = CandidateOrder.Sort(-cosines, candidates);
        order = order.narrow(1, 0, Math.Min(LastRank, order.size(1)));
        var figures = ReferenceEquals(rows, guide) ? cosines : Product.Of(guide.narrow(0, start, count), guide);
        var (ownFigure, own) = FarthestPositive
            ? figures.masked_fill(positives.logical_not(), S(double.PositiveInfinity)).min(1)
            : figures.masked_fill(positives.logical_not(), S(double.NegativeInfinity)).max(1);
        var columns = order.cpu().contiguous().data<long>().ToArray();
        var values = figures.gather(1, order).to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
        var (own64, ownFigures) = (own.cpu().data<long>().ToArray(), ownFigure.to(ScalarType.Float64).cpu().data<double>().ToArray());
        var (hasPositive, counts) = (positives.any(1).cpu().data<bool>().ToArray(), available.cpu().data<long>().ToArray());
        var width = (int)order.size(1);
        for (var i = 0; i < count; i++)
        {
            if (!hasPositive[i]) continue;
            var passing = new List<int>();
            for (var rank = SkippedRanks; rank < Math.Min(width, counts[i]); rank++)
                if (Passes(values[i * width + rank], ownFigures[i])) passing.Add(rank);
            foreach (var rank in Chosen(passing, start + i))
                found.Add(new HardNegative(start + i, own64[i], columns[i * width + rank], ownFigures[i], values[i * width + rank]));
        }
    }

    private bool Passes(double negative, double positive) =>
        (MaximumSimilarity is not { } high || negative < high) && (MinimumSimilarity is not { } low || negative > low)
        && (AbsoluteMargin is not { } margin || negative <= positive - margin)
        && (RelativeMargin is not { } share || negative <= positive - share * Math.Abs(positive));

    private IEnumerable<int> Chosen(List<int> passing, long anchor)
    {
        if (!Draws || passing.Count <= NegativesPerAnchor) return passing.Take(NegativesPerAnchor);
        SeededRandom.ForStream(Seed, (ulong)anchor).Choose(CollectionsMarshal.AsSpan(passing), NegativesPerAnchor);
        return passing.Take(NegativesPerAnchor).Order();
    }
}
