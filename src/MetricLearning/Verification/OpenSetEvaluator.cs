using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Open-set identification: a query may show somebody who is not in the gallery, and then nobody should be found.</summary>
/// <remarks>
/// A query with a match left is known, one whose identity is nowhere in the gallery is unknown; all others are left out. An unknown query
/// raises a false alarm where its nearest picture is nearer than the threshold; FAR (FPIR) is the share of unknown queries that do. A
/// known query is detected and identified at rank r where its nearest match is among its r nearest pictures and nearer than the threshold;
/// DIR (TPIR) is the share of known queries that are (Phillips, Grother and Micheals, <i>Evaluation Methods in Face Recognition</i>,
/// Handbook of Face Recognition, 2011).
/// </remarks>
public sealed class OpenSetEvaluator
{
    /// <summary>What is near. Default: cosine.</summary>
    public Distance Distance { get; init; } = Distance.Cosine;

    /// <summary>Which pictures count. Default: Market-1501.</summary>
    public RetrievalProtocol Protocol { get; init; } = RetrievalProtocol.Market1501;

    /// <summary>Bytes that an evaluation may use. Default: 256 MiB.</summary>
    public long MemoryBudget { get; init; } = 256L << 20;

    /// <summary>The highest rank that the report can be asked about. Default: 20.</summary>
    public int MaxRank { get; init => field = Guard.AtLeast(value, 1); } = 20;

    /// <summary>Finds the nearest pictures of each query.</summary>
    /// <exception cref="ArgumentException">As for <see cref="RetrievalEvaluator.Evaluate(EmbeddingSet, EmbeddingSet)"/>.</exception>
    public OpenSetReport Evaluate(EmbeddingSet query, EmbeddingSet gallery)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(gallery);
        using var noGrad = no_grad();
        var relations = new Relations(Protocol, query.Identities, query.Cameras, gallery.Identities, gallery.Cameras);
        var evaluator = new RetrievalEvaluator { Distance = Distance, Protocol = Protocol, MemoryBudget = MemoryBudget };
        var nearest = evaluator.Rank(query, gallery, topK: MaxRank);
        var (identified, unknown, known) = (new List<(double Distance, int Rank)>(), new List<double>(), 0);
        for (var q = 0; q < query.Count; q++)
        {
            relations.Matches(q, out var reason);
            if (reason == SkipReason.None)
            {
                known++;
                var rank = 0;
                while (rank < nearest[q].Count && !nearest[q].IsMatch[rank]) rank++;
                if (rank < nearest[q].Count) identified.Add((nearest[q].Distances[rank], rank + 1));
            }
            if (reason == SkipReason.IdentityNotInGallery)
                unknown.Add(nearest[q].Count == 0 ? double.PositiveInfinity : nearest[q].Distances[0]);
        }
        return new OpenSetReport(known, MaxRank, [.. identified], [.. unknown.Order()]);
    }
}
