using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Open-set identification: a query may show somebody who is not in the gallery, and then nobody should be found.</summary>
/// <remarks>
/// A query with a match left is known, one whose identity is nowhere in the gallery is unknown; all others are left out. A query raises an
/// alarm where its nearest picture is nearer than the threshold. FAR is the share of unknown queries with an alarm; DIR (rank 1) the
/// share of known ones with an alarm whose nearest picture is a match (Phillips, Grother and Micheals, 2011).
/// </remarks>
public sealed class OpenSetEvaluator
{
    /// <summary>What is near. Default: cosine.</summary>
    public Distance Distance { get; init; } = Distance.Cosine;

    /// <summary>Which pictures count. Default: Market-1501.</summary>
    public RetrievalProtocol Protocol { get; init; } = RetrievalProtocol.Market1501;

    /// <summary>Bytes that an evaluation may use. Default: 256 MiB.</summary>
    public long MemoryBudget { get; init; } = 256L << 20;

    /// <summary>Finds the nearest picture of each query.</summary>
    /// <exception cref="ArgumentException">As for <see cref="RetrievalEvaluator.Evaluate(EmbeddingSet, EmbeddingSet)"/>.</exception>
    public OpenSetReport Evaluate(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        using var noGrad = no_grad();
        var relations = new Relations(Protocol, query.Ids, query.Cameras, gallery.Ids, gallery.Cameras);
        var evaluator = new RetrievalEvaluator { Distance = Distance, Protocol = Protocol, MemoryBudget = MemoryBudget };
        var nearest = evaluator.Rank(query, gallery, topK: 1);
        var (identified, unknown, known) = (new List<double>(), new List<double>(), 0);
        for (var q = 0; q < query.Count; q++)
        {
            relations.Matches(q, out var reason);
            if (reason == SkipReason.None)
            {
                known++;
                if (nearest[q].IsMatch[0]) identified.Add(nearest[q].Distances[0]);
            }
            if (reason == SkipReason.IdentityNotInGallery)
                unknown.Add(nearest[q].Count == 0 ? double.PositiveInfinity : nearest[q].Distances[0]);
        }
        return new OpenSetReport(known, [.. identified.Order()], [.. unknown.Order()]);
    }
}
