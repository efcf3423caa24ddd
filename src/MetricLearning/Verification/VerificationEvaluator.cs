using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Evaluates verification: do two images show one identity? It computes ROC, TPR at a false-positive rate, FNMR at a false-match
/// rate, EER, AUC and the threshold for a target false-match rate, from all pairs that a protocol leaves. <see cref="VerificationReport"/>
/// and <see cref="OperatingPoint"/> explain these figures.</summary>
/// <remarks>
/// <para>It is as exact as <see cref="RetrievalEvaluator"/>. Pairs are compared by their float64 distances from the given features; tiles
/// of scores decide only the clear cases. So figures are bit for bit the same on every device and for every tile. No array of queries ×
/// gallery is made. The distances of non-matching pairs are counted between those of matching pairs, and a second pass gathers the few
/// order statistics that thresholds need.</para>
/// <para>Memory: <see cref="MemoryBudget"/>, plus about 100 bytes for each matching pair. More than a billion matching pairs (half of what
/// an array holds) are refused with an <see cref="InvalidOperationException"/>.</para>
/// <para>Long calls report the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report is 1. They
/// check their cancellation token after each tile of scores. A canceled call frees all its tensors and has changed nothing.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record VerificationEvaluator
{
    /// <summary>The distance that pairs are compared by. Default: cosine.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Cosine;

    /// <summary>The protocol, which says which pairs count: a query and each image that stays in its list. Queries and gallery images of
    /// the junk identity make no pairs. A protocol that you set is always enforced. Default: null, which means
    /// <see cref="RetrievalProtocol.Market1501"/> if queries and gallery have cameras, and <see cref="RetrievalProtocol.NoFilter"/>
    /// if neither has. The report names the protocol that was used.</summary>
    public RetrievalProtocol? Protocol { get; init; }

    /// <summary>The targets of <see cref="VerificationReport.OperatingPoints"/>, each in [0, 1]. Default: 0.0001, 0.001, 0.01,
    /// 0.1.</summary>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A target is not in [0, 1].</exception>
    public IReadOnlyList<double> FalseMatchRates
    {
        get;
        init => field = [.. Guard.NotNull(value).Select(rate => Guard.Within(rate, 0, 1, nameof(FalseMatchRates)))];
    } = [1e-4, 1e-3, 1e-2, 1e-1];

    /// <summary>The confidence of intervals, in (0, 1). Default: 0.95.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The confidence is not in (0, 1).</exception>
    public double Confidence { get; init => field = Guard.Between(value, 0, 1); } = 0.95;

    /// <summary>The number of bytes that tiles may use. Default: 256 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The budget is less than 1.</exception>
    public long MemoryBudget { get; init => field = Guard.AtLeast(value, 1); } = 256L << 20;

    /// <summary>Tiles of this shape instead of those that follow from the budget; for tests.</summary>
    internal TilePlan? Tiles { get; init; }

    /// <summary>The largest number of distances that are gathered at once for order statistics; for tests.</summary>
    internal int MostGathered { get; init; } = 1 << 18;

    /// <summary>The largest number of matching pairs, whose distances are kept, with room for others in one array; for tests.</summary>
    internal int MostMatching { get; init; } = Array.MaxLength / 2;

    /// <summary>The number of distances from which all threads count in one tally; for tests.</summary>
    internal int SharedEdges { get; init; } = 1 << 18;

    /// <summary>Evaluates all pairs of a query and a gallery image that the protocol leaves.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, the protocol needs cameras that a set does
    /// not have, the protocol removes self but the sets differ in size, no protocol is set and only one side has cameras, or a feature is
    /// not finite; the message names the row.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public VerificationReport Evaluate(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default) =>
        Evaluate(query, gallery, Protocol, oneSet: null, CallProgress.Begin(progress, cancellationToken));

    /// <summary>Evaluates all pairs of two different rows of a set that the protocol leaves, each pair once. The default protocol is
    /// <see cref="RetrievalProtocol.Market1501"/> if the set has cameras, and <see cref="RetrievalProtocol.SelfRetrieval"/> if it has
    /// none.</summary>
    /// <param name="set">N rows.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The protocol needs cameras that a set does not have, or a feature is not finite; the message
    /// names the row.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public VerificationReport Evaluate(EmbeddingSet set, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(set);
        var protocol = RetrievalProtocol.ForOneSet(Protocol, set.Cameras is not null);
        var once = protocol with { KeepsLaterRowsOnly = true };
        return Evaluate(set, set, once, (nameof(set), protocol), CallProgress.Begin(progress, cancellationToken));
    }

    /// <summary>Evaluates all pairs of a given matrix of distances that the protocol leaves.</summary>
    /// <param name="distances">[Q, G], finite; smaller is nearer.</param>
    /// <param name="queryIdentities">The identity of each row.</param>
    /// <param name="galleryIdentities">The identity of each column.</param>
    /// <param name="queryCameras">The camera of each row. Default: null, there are none.</param>
    /// <param name="galleryCameras">The camera of each column. Default: null, there are none.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">A shape does not fit, the protocol needs cameras that a set does not have, no protocol is set
    /// and only one side has cameras, or a distance is not finite; the message names its place.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public VerificationReport Evaluate(Tensor distances, IReadOnlyList<long> queryIdentities, IReadOnlyList<long> galleryIdentities,
        IReadOnlyList<long>? queryCameras = null, IReadOnlyList<long>? galleryCameras = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = EvaluationInput.Of(distances, Protocol, queryIdentities, galleryIdentities, queryCameras, galleryCameras);
        return Report(input, input.Relations.Protocol, call);
    }

    /// <summary>Evaluates given distances of matching and of non-matching pairs, in any order.</summary>
    /// <param name="matching">Distances of pairs of one identity, finite.</param>
    /// <param name="nonMatching">Distances of pairs of two identities, finite.</param>
    /// <exception cref="ArgumentException">A distance is not finite; the message names its place.</exception>
    public VerificationReport Evaluate(IReadOnlyList<double> matching, IReadOnlyList<double> nonMatching) =>
        new(GivenPairs.Count(Finite(matching, nameof(matching)), Finite(nonMatching, nameof(nonMatching)), FalseMatchRates, Confidence),
            protocol: null, FalseMatchRates, Confidence);

    /// <summary>Evaluates pairs of two sets; or of one, whose argument and whose protocol for the report are then given.</summary>
    private VerificationReport Evaluate(EmbeddingSet query, EmbeddingSet gallery, RetrievalProtocol? protocol,
        (string Argument, RetrievalProtocol Named)? oneSet, CallProgress progress)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = EvaluationInput.Of(query, gallery, protocol,
            (x, y, origin) => EvaluationInput.ScoresOf(Distance, x, y, origin: origin), $"{Distance}", oneSet?.Argument);
        return Report(input, oneSet?.Named ?? input.Relations.Protocol, progress);
    }

    private VerificationReport Report(EvaluationInput input, RetrievalProtocol named, CallProgress progress)
    {
        var plan = TilePlan.For(Tiles, MemoryBudget, input, tiles => tiles.PairBytes(input));
        var counts = new StreamedPairs(input, plan, MostGathered, MostMatching, SharedEdges).Count(FalseMatchRates, Confidence, progress);
        progress.Done();
        return new VerificationReport(counts, named, FalseMatchRates, Confidence);
    }

    private static double[] Finite(IReadOnlyList<double> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        double[] copy = [.. values];
        for (var i = 0; i < copy.Length; i++)
            if (!double.IsFinite(copy[i]))
                throw new ArgumentException(
                    string.Create(CultureInfo.InvariantCulture, $"{name} must be finite, got {copy[i]} at {i}."), name);
        return copy;
    }
}
