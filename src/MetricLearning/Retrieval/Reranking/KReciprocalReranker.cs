using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>k-reciprocal re-ranking (Zhong et al., <i>Re-ranking Person Re-identification with k-reciprocal Encoding</i>, CVPR 2017),
/// sparse and exact.</summary>
/// <remarks>
/// <para>Over queries and gallery together: R(i, k), the k nearest rows that have i among their own k nearest; R* adds R(c, k1/2) of a
/// member c where more than 2/3 of it lies in R(i, k1); <c>Vᵢⱼ = exp(−dᵢⱼ)</c> on R*, else 0, each row divided by its sum; then each row
/// is replaced by the mean of those of its k2 nearest rows. <c>d_J = 1 − Σ min(Vᵢ, Vⱼ) / (2 − Σ min(Vᵢ, Vⱼ))</c>, and the result is
/// <c>(1 − λ) d_J + λ d</c>, where d is divided by its row's maximum.</para>
/// <para>All distances are worked out in float64 from the features, in one fixed order of additions, ties by index; a matrix product on
/// the device is only the sieve that finds the candidates, and those whose order a new distance leaves open when they are ranked. So the
/// result is the same on every device and for every number of threads. Where all of a row's distances are 0, they stay 0. Memory beyond
/// the features is O((Q + G) · k): lists, the rows of V and an index of them; a matrix of (Q + G)² is never made. Time is that of half a
/// product of all features with one another.</para>
/// </remarks>
public sealed class KReciprocalReranker : Reranker
{
    /// <param name="k1">Length of the lists of neighbors. Default: 20.</param>
    /// <param name="k2">Rows that are averaged; 1 averages none. Default: 6.</param>
    /// <param name="lambda">The share of the first distance, in [0, 1]. Default: 0.3.</param>
    public KReciprocalReranker(int k1 = 20, int k2 = 6, double lambda = 0.3)
    {
        K1 = Guard.AtLeast(k1, 1);
        K2 = Guard.AtLeast(k2, 1);
        Lambda = Guard.Within(lambda, 0, 1);
    }

    /// <summary>Length of the lists of neighbors.</summary>
    public int K1 { get; }

    /// <summary>Rows that are averaged.</summary>
    public int K2 { get; }

    /// <summary>The share of the first distance in the result.</summary>
    public double Lambda { get; }

    /// <summary>Which published variant. Default: the paper's.</summary>
    public KReciprocalDialect Dialect { get; init => field = Guard.Defined(value); } = KReciprocalDialect.Zhong;

    /// <summary>The first distance between features: Euclidean, squared Euclidean or cosine. Null for the dialect's own: squared
    /// Euclidean, and for fast-reid cosine, where it is the one that is blended in.</summary>
    /// <exception cref="ArgumentException">Another distance: give matrices instead.</exception>
    public Distance? Distance
    {
        get;
        init => field = value is null or EuclideanDistance or EuclideanSquaredDistance or CosineDistance ? value
            : throw new ArgumentException(
                $"Distance must be Euclidean, EuclideanSquared or Cosine, got {value}; give matrices of other distances to Rerank.");
    }

    private Distance First => Distance ?? (Dialect == KReciprocalDialect.FastReId ? Distance.Cosine : Distance.EuclideanSquared);

    /// <summary>Re-ranks from given distances. <see cref="KReciprocalDialect.Zhong"/> takes them as they are (the paper's are squared
    /// Euclidean), <see cref="KReciprocalDialect.TorchReId"/> squares them.</summary>
    /// <param name="queryGallery">[Q, G].</param>
    /// <param name="queryQuery">[Q, Q].</param>
    /// <param name="galleryGallery">[G, G], all of one type, float32 or float64; the arithmetic on them is done in it. Where they are not
    /// symmetric, row i is made of column i, as the published code does.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a distance is not finite.</exception>
    /// <exception cref="NotSupportedException">fast-reid's dialect, which needs features.</exception>
    public RerankedDistances Rerank(Tensor queryGallery, Tensor queryQuery, Tensor galleryGallery)
    {
        if (Dialect == KReciprocalDialect.FastReId)
            throw new NotSupportedException("The dialect FastReId works on features; give those instead of distances.");
        using var scope = NewDisposeScope();
        var distances = new GivenDistances(queryGallery, queryQuery, galleryGallery, Dialect == KReciprocalDialect.TorchReId);
        var lists = NeighborLists.Of(distances, distances.Count, distances.Count, ListWidth);
        var encoded = Encode(lists, distances.Key, distances.Queries, distances.Queries);
        return new RerankedDistances(encoded.Queries, encoded.Gallery, encoded.Bytes,
            (first, count) => Blend(encoded, first, distances.Block(first, count)), held: distances.Held)
            .MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"k-reciprocal re-ranking ({Dialect}, k1 = {K1}, k2 = {K2}, λ = {Lambda}) of {First}");

    private protected override RerankedDistances RerankCore(Tensor features, int? queries)
    {
        var (all, galleryStart, gallery) = ((int)features.size(0), queries ?? 0, (int)features.size(0) - (queries ?? 0));
        var fastReid = Dialect == KReciprocalDialect.FastReId;
        var scores = new FeatureScores(fastReid ? Distance.EuclideanSquared : First, features, features);
        var lists = NeighborLists.Of(scores, all, all, ListWidth);
        var rows = features.cpu();
        var exact = new FeatureScores(First, rows, rows);       // reads the rows where they are, so they are held
        var farthest = lists.FarthestKeys;
        var divisors = Array.ConvertAll(farthest, key => fastReid ? 1 : Units(exact.Distance(key)) is > 0 and var d ? d : 1);
        var encoded = Encode(lists, fastReid ? scores.Key : Original, queries ?? all, galleryStart);
        return new RerankedDistances(encoded.Queries, gallery, encoded.Bytes,
            (first, count) =>
                Blend(encoded, first, Block(first, count)), Scores, ReferenceEquals(rows, features) ? [rows] : [rows, features]);

        ScoreSource Scores()
        {
            var asked = queries is null ? features : features.narrow(0, 0, encoded.Queries);
            var shown = queries is null ? features : features.narrow(0, galleryStart, gallery);
            return new BlendedScores(new FeatureScores(First, asked, shown), encoded, 1 - Lambda, added: First is CosineDistance ? 1
                : 0, Share,
                (query, row) => Original(query, galleryStart + row) * Lambda);
        }

        BlendedShare Share(int query) => new(Lambda, divisors[query],
            (First is EuclideanDistance ? 0.5 : 1) * (Dialect == KReciprocalDialect.TorchReId ? 2 : 1),
            Largest: First is CosineDistance ? 2 : farthest[query]);

        double Units(double distance) => Dialect == KReciprocalDialect.TorchReId ? distance * distance : distance;

        double Original(int i, int j) => Units(exact.Distance(exact.Key(i, j))) / divisors[i];

        unsafe Tensor Block(int first, int count)
        {
            const int tile = 32;        // gallery rows that stay in a core's cache while the queries pass
            var block = empty(count, gallery, ScalarType.Float64);
            var memory = (nint)TensorMemory.Of(block);
            Threads.For((gallery + tile - 1) / tile, t =>
            {
                for (var i = 0; i < count; i++)
                    for (var j = t * tile; j < Math.Min((t + 1) * tile, gallery); j++)
                        ((double*)memory)[(long)i * gallery + j] = Original(first + i, galleryStart + j);
            });
            return block;
        }
    }

    private int ListWidth => Dialect == KReciprocalDialect.FastReId ? K1 : Math.Max(K1 + 1, K2);

    private EncodedRows Encode(NeighborLists lists, Func<int, int, double> weigh, int queries, int galleryStart) =>
        new(KReciprocalEncoding.Of(lists, K1, K2, weigh), queries, galleryStart);

    /// <summary><c>(1 − λ) d_J + λ d</c>, where d is given, [count, G].</summary>
    private Tensor Blend(EncodedRows encoded, int first, Tensor distances)
    {
        var jaccard = encoded.Jaccard(first, (int)distances.size(0), 1 - Lambda);
        return jaccard.Plus_(distances.mul_(S(Lambda)));
    }
}
