namespace MetricLearning.Search;

/// <summary>k-reciprocal re-ranking of the nearest hits of a query (Zhong et al., <i>Re-ranking Person Re-identification with k-reciprocal
/// Encoding</i>, CVPR 2017).</summary>
/// <remarks>
/// <para>The query and its nearest hits are compared with one another. A hit moves up if it and the query have the same neighbors. The
/// result is that of <see cref="KReciprocalReranker"/> with this one query, and with these hits as the gallery. Distances are squared
/// Euclidean distances; for the cosine, vectors are first divided by their lengths. A query takes O(N² D) time.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record TopReranking
{
    /// <summary>Sets the parameters of the re-ranking.</summary>
    /// <param name="top">N, the number of nearest hits that are re-ranked, at least 1. Default: 100.</param>
    /// <param name="k1">The length of the lists of neighbors. Default: 20.</param>
    /// <param name="k2">The number of neighbors over which encodings are averaged; 1 for no averaging. Default: 6.</param>
    /// <param name="lambda">The share of the original distance in the result, in [0, 1]. Default: 0.3.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not in its range.</exception>
    public TopReranking(int top = 100, int k1 = 20, int k2 = 6, double lambda = 0.3) =>
        (Top, K1, K2, Lambda) = (top, k1, k2, lambda);

    /// <summary>N: the number of nearest hits that are re-ranked. Default: 100.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Top { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The length of the lists of neighbors. Default: 20.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is less than 1.</exception>
    public int K1 { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The number of neighbors over which encodings are averaged; 1 for no averaging. Default: 6.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int K2 { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The share of the original distance in the result, in [0, 1]. Default: 0.3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The share is not in [0, 1].</exception>
    public double Lambda { get; init => field = Guard.Within(value, 0, 1); }

    /// <summary>Computes the new distances of rows to a query.</summary>
    /// <param name="metric">Cosine or Euclidean.</param>
    /// <param name="query">[D].</param>
    /// <param name="rows">[D] each, nearest first.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    internal double[] Distances(SearchMetric metric, ReadOnlyMemory<float> query, IReadOnlyList<ReadOnlyMemory<float>> rows,
        CancellationToken cancellationToken)
    {
        if (rows.Count == 0) return [];
        ReadOnlyMemory<float>[] all = [query, .. rows];
        var squares = Array.ConvertAll(all, row => ExactScore.Square(row.Span));
        var first = new double[all.Length][];
        for (var i = 0; i < all.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            first[i] = new double[all.Length];
            for (var j = 0; j < i; j++) first[i][j] = first[j][i] = Square(i, j);
        }
        var lists = NeighborLists.Of(first, Math.Max(Math.Min(K1, all.Length) + 1, K2));
        var farthest = Array.ConvertAll(lists.FarthestKeys, key => key > 0 ? key : 1);
        var encoded = KReciprocalEncoding.Of(lists, K1, K2, (i, j) => first[i][j] / farthest[i],
            CallProgress.OnThisThread(cancellationToken));
        var minima = new double[rows.Count];
        new InvertedIndex(encoded[1..], all.Length).AddMinima(encoded[0], minima);
        for (var row = 0; row < minima.Length; row++)
        {
            var jaccard = Math.Max(0, 1 - minima[row] / (2 - minima[row]));
            minima[row] = jaccard * (1 - Lambda) + first[0][row + 1] / farthest[0] * Lambda;
        }
        return minima;

        double Square(int i, int j)
        {
            var score = ExactScore.Of(metric, all[i].Span, squares[i], all[j].Span);
            return metric == SearchMetric.Cosine ? 2 - 2 * score : -score;
        }
    }
}
