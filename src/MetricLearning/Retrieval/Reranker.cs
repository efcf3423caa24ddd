using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Looks at how queries and gallery lie among one another and gives new distances from it. Set as
/// <see cref="RetrievalEvaluator.Reranking"/>, every figure is that of the new order.</summary>
/// <remarks>Immutable once built; the same input gives the same output for any number of threads. Ties go by index.</remarks>
public abstract class Reranker
{
    private protected Reranker() { }

    /// <summary>Re-ranks a gallery for queries.</summary>
    /// <param name="query">[Q, D].</param>
    /// <param name="gallery">[G, D], of the same type and on the same device.</param>
    /// <exception cref="ArgumentException">Widths, types or devices differ, or a feature is not finite; the message names the
    /// row.</exception>
    public RerankedDistances Rerank(Tensor query, Tensor gallery)
    {
        Guard.SameWidth(query, gallery);
        Guard.Finite(query);
        Guard.Finite(gallery);
        using var scope = NewDisposeScope();
        var plainQuery = Plain(query);
        return RerankCore(cat([plainQuery, Plain(gallery)]), (int)query.size(0)).MoveToOuterDisposeScope();
    }

    /// <summary>Re-ranks a set for each of its own rows, each of which is counted once; the distance of a row to itself is among the
    /// others.</summary>
    /// <param name="features">[N, D].</param>
    /// <exception cref="ArgumentException">A feature is not finite; the message names the row.</exception>
    public RerankedDistances Rerank(Tensor features)
    {
        Guard.Matrix(features);
        Guard.Finite(features);
        using var scope = NewDisposeScope();
        return RerankCore(Plain(features), queries: null).MoveToOuterDisposeScope();
    }

    /// <summary>Re-ranks, with features [N, D] in float32 or float64 that belong to the current scope: those of the queries first, then
    /// the gallery's; or one set that is both.</summary>
    private protected abstract RerankedDistances RerankCore(Tensor features, int? queries);

    private static Tensor Plain(Tensor features) => RowMath.Widen(features.detach()).contiguous();
}
