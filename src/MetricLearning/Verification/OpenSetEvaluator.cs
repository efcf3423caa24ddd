using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Evaluates open-set identification: a query may show somebody who is not in the gallery, and then nobody should be
/// found.</summary>
/// <remarks>
/// <para>A query that has a match left is known. A query whose identity is not in the gallery is unknown. All others are left out. An
/// unknown query raises a false alarm if its nearest image is nearer than the threshold; FAR (FPIR) is the share of unknown queries with a
/// false alarm. A known query is detected and identified at rank r if its nearest match is among its r nearest images and nearer than the
/// threshold; DIR (TPIR) is the share of such known queries (Phillips, Grother and Micheals, <i>Evaluation Methods in Face Recognition</i>,
/// Handbook of Face Recognition, 2011).</para>
/// <para>A canceled call frees all its tensors and has changed nothing.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record OpenSetEvaluator
{
    /// <summary>The distance that ranks the gallery. Default: cosine.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Cosine;

    /// <summary>The protocol, which says which images count. A protocol that you set is always enforced. Default: null, which means
    /// <see cref="RetrievalProtocol.Market1501"/> if queries and gallery have cameras, and <see cref="RetrievalProtocol.NoFilter"/>
    /// if neither has. The report names the protocol that was used.</summary>
    public RetrievalProtocol? Protocol { get; init; }

    /// <summary>The number of bytes that an evaluation may use in addition to the features. Default: 256 MiB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The budget is less than 1.</exception>
    public long MemoryBudget { get; init => field = Guard.AtLeast(value, 1); } = 256L << 20;

    /// <summary>The highest rank that the report can give. Default: 20.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rank is less than 1.</exception>
    public int MaxRank { get; init => field = Guard.AtLeast(value, 1); } = 20;

    /// <summary>Finds the nearest images of each query.</summary>
    /// <param name="query">Q queries, known and unknown.</param>
    /// <param name="gallery">G gallery images.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report
    /// is 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked after each tile of scores.</param>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, the protocol needs cameras that a set does
    /// not have, the protocol removes self but the sets differ in size, no protocol is set and only one side has cameras, or a feature is
    /// not finite; the message names the row.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public OpenSetReport Evaluate(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var input = EvaluationInput.Of(query, gallery, Protocol, (x, y, _) => EvaluationInput.ScoresOf(Distance, x, y), $"{Distance}");
        var nearest = new RetrievalEvaluator { MemoryBudget = MemoryBudget }.Rank(input, topK: MaxRank, call);
        var (identified, unknown, known) = (new List<(double Distance, int Rank)>(), new List<double>(), 0);
        foreach (var list in nearest)
        {
            input.Relations.Matches(list.Query, out var reason);
            if (reason == SkipReason.None)
            {
                known++;
                var rank = 0;
                while (rank < list.Count && !list.IsMatch[rank]) rank++;
                if (rank < list.Count) identified.Add((list.Distances[rank], rank + 1));
            }
            if (reason == SkipReason.IdentityNotInGallery)
                unknown.Add(list.Count == 0 ? double.PositiveInfinity : list.Distances[0]);
        }
        call.Done();
        return new OpenSetReport(input.Relations.Protocol, known, MaxRank, [.. identified], [.. unknown.Order()]);
    }
}
