using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>k-reciprocal re-ranking (Zhong et al., <i>Re-ranking Person Re-identification with k-reciprocal Encoding</i>, CVPR 2017),
/// computed exactly and with sparse matrices.</summary>
/// <remarks>
/// <para>Queries and gallery are the rows of one set. R(i, k) are those of the k nearest rows of i that have i among their own k nearest.
/// R* is R(i, k1), plus R(c, k1/2) of each member c for which more than 2/3 of R(c, k1/2) lies in R(i, k1). <c>Vᵢⱼ = exp(−dᵢⱼ)</c> on R*,
/// else 0, and each row of V is divided by its sum. Then each row of V is replaced by the mean of the rows of V of its k2 nearest rows.
/// <c>d_J = 1 − Σ min(Vᵢ, Vⱼ) / (2 − Σ min(Vᵢ, Vⱼ))</c>, and the result is <c>(1 − λ) d_J + λ d</c>, where d is divided by its row's
/// maximum.</para>
/// <para>All distances are computed in float64 from the features, in one fixed order of additions, with ties by index. A matrix product on
/// the device serves only as a sieve: it finds the candidates, and later the pairs whose order under the new distance it cannot decide. So
/// the result is the same on every device and for every number of threads. If all distances of a row are 0, they stay 0. Memory beyond
/// the features is O((Q + G) · k): lists, the rows of V and an index of them; a matrix of (Q + G)² is never made. Time is that of half a
/// product of all features with one another.</para>
/// </remarks>
public sealed record KReciprocalReranker : Reranker
{
    private const double EncodingStart = 0.7;       // of the work; the lists of neighbors come before

    /// <summary>Sets the parameters of the re-ranking.</summary>
    /// <param name="k1">k1, the length of the lists of neighbors. Default: 20.</param>
    /// <param name="k2">The number of rows of V that are averaged; 1 for no averaging. Default: 6.</param>
    /// <param name="lambda">λ, the share of the first distance (the one before re-ranking), in [0, 1]. Default: 0.3.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not in its range.</exception>
    public KReciprocalReranker(int k1 = 20, int k2 = 6, double lambda = 0.3) => (K1, K2, Lambda) = (k1, k2, lambda);

    /// <summary>k1: the length of the lists of neighbors. Default: 20.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is less than 1.</exception>
    public int K1 { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>k2: the number of rows of V that are averaged; 1 for no averaging. Default: 6.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int K2 { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>λ: the share of the first distance in the result, in [0, 1]. Default: 0.3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The share is not in [0, 1].</exception>
    public double Lambda { get; init => field = Guard.Within(value, 0, 1); }

    /// <summary>The published variant. Default: the paper's.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public KReciprocalDialect Dialect { get; init => field = Guard.Defined(value); } = KReciprocalDialect.Zhong;

    /// <summary>The first distance between features: Euclidean, squared Euclidean or cosine. Default: null, the dialect's own: squared
    /// Euclidean, or cosine for fast-reid. In fast-reid it is the distance that is blended in.</summary>
    /// <exception cref="ArgumentException">Another distance: give matrices instead.</exception>
    public Distance? Distance
    {
        get;
        init => field = value is null or EuclideanDistance or EuclideanSquaredDistance or CosineDistance ? value
            : throw new ArgumentException(
                $"Distance must be Euclidean, EuclideanSquared or Cosine, got {value}; give matrices of other distances to Rerank.",
                nameof(Distance));
    }

    internal override Distance First => Distance ?? (Dialect == KReciprocalDialect.FastReId ? Distance.Cosine : Distance.EuclideanSquared);

    private int ListWidth => Dialect == KReciprocalDialect.FastReId ? K1 : Math.Max(Math.Min(K1, int.MaxValue - 1) + 1, K2);

    /// <summary>Re-ranks from given distances. <see cref="KReciprocalDialect.Zhong"/> takes them as they are (the paper's are squared
    /// Euclidean), <see cref="KReciprocalDialect.TorchReId"/> squares them.</summary>
    /// <param name="queryGallery">[Q, G].</param>
    /// <param name="queryQuery">[Q, Q].</param>
    /// <param name="galleryGallery">[G, G], all of one type, float32 or float64; the arithmetic on them is done in it. If they are not
    /// symmetric, row i is computed from column i, as in the published code.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The new distances [Q, G], computed on request.</returns>
    /// <exception cref="ArgumentException">A shape or type does not fit, a distance is not finite, the square of a distance overflows in
    /// the type of the matrices (<see cref="KReciprocalDialect.TorchReId"/>), or all distances of a row are negative.</exception>
    /// <exception cref="NotSupportedException">The dialect is fast-reid's, which needs features.</exception>
    /// <exception cref="InvalidOperationException">The lists of neighbors have more entries than an array can hold.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public RerankedDistances Rerank(Tensor queryGallery, Tensor queryQuery, Tensor galleryGallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        if (Dialect == KReciprocalDialect.FastReId)
            throw new NotSupportedException("The dialect FastReId works on features; give those instead of distances.");
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var distances = new GivenDistances(queryGallery, queryQuery, galleryGallery, Dialect == KReciprocalDialect.TorchReId);
        var lists = Lists(distances, distances.Count, call);
        var encoded = Encode(lists, distances.Key, distances.Queries, distances.Queries, call);
        var result = new RerankedDistances(encoded.Queries, encoded.Gallery, encoded.Bytes,
            (first, count) => Blend(encoded, first, distances.Block(first, count)), held: distances.Held);
        call.Done();
        return result.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"k-reciprocal re-ranking ({Dialect}, k1 = {K1}, k2 = {K2}, λ = {Lambda}) of {First}");

    private protected override RerankedDistances RerankCore(Tensor features, int? queries, RowOrigin origin, CallProgress progress)
    {
        var (all, galleryStart) = ((int)features.size(0), queries ?? 0);
        var fastReId = Dialect == KReciprocalDialect.FastReId;
        var scores = new FeatureScores(fastReId ? Distance.EuclideanSquared : First, features, features, origin: origin);
        var lists = Lists(scores, all, progress);
        var rows = features.cpu();      // exact distances read them where they are, so the result holds them
        if (First is CosineDistance) (rows, _) = ShortRows.Lifted(rows, new FeatureRows(rows, origin));
        var exact = new FirstDistances(new FeatureScores(First, rows, rows, origin: origin), lists.FarthestKeys, galleryStart, origin,
            squares: Dialect == KReciprocalDialect.TorchReId, divides: !fastReId);
        var encoded = Encode(lists, fastReId ? scores.Key : exact.Of, queries ?? all, galleryStart, progress);
        return new RerankedDistances(encoded.Queries, encoded.Gallery, encoded.Bytes,
            (first, count) => Blend(encoded, first, exact.Block(first, count)), Scores,
            ReferenceEquals(rows, features) ? [rows] : [rows, features]);

        ScoreSource Scores()
        {
            var asked = queries is null ? features : features.narrow(0, 0, encoded.Queries);
            var shown = queries is null ? features : features.narrow(0, galleryStart, encoded.Gallery);
            return new BlendedScores(new FeatureScores(First, asked, shown), encoded, 1 - Lambda,
                added: First is CosineDistance ? 1 : 0, query => exact.Share(query, Lambda),
                (query, row) => exact.Of(query, galleryStart + row) * Lambda);
        }
    }

    private NeighborLists Lists(ScoreSource source, int rows, CallProgress progress) =>
        NeighborLists.Of(source, rows, rows, ListWidth, progress: progress.Part(0, EncodingStart));

    private EncodedRows Encode(NeighborLists lists, Func<int, int, double> weigh, int queries, int galleryStart, CallProgress progress) =>
        new(KReciprocalEncoding.Of(lists, K1, K2, weigh, progress.Part(EncodingStart, 1)), queries, galleryStart);

    /// <summary><c>(1 − λ) d_J + λ d</c>, where d is given, [count, G].</summary>
    private Tensor Blend(EncodedRows encoded, int first, Tensor distances)
    {
        var jaccard = encoded.Jaccard(first, (int)distances.size(0), 1 - Lambda);
        return jaccard.Plus_(distances.mul_(S(Lambda)));
    }
}
