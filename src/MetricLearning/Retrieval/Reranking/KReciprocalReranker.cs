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
    /// the device is only the sieve that finds the candidates. So the result is the same on every device and for every number of
    /// threads. Where all of a row's distances are 0, they stay 0. Memory beyond the features is O((Q + G) · k): lists, the
/// rows of V and an index of them; a matrix of (Q + G)² is never made. Time is that of one product of all features with one
/// another.</para>
/// </remarks>
public sealed class KReciprocalReranker : Reranker
{
    /// <param name="k1">Length of the lists of neighbours. Default: 20.</param>
    /// <param name="k2">Rows that are averaged; 1 averages none. Default: 6.</param>
    /// <param name="lambda">The share of the first distance, in [0, 1]. Default: 0.3.</param>
    public KReciprocalReranker(int k1 = 20, int k2 = 6, double lambda = 0.3)
    {
        K1 = Guard.AtLeast(k1, 1);
        K2 = Guard.AtLeast(k2, 1);
        Lambda = Guard.Within(lambda, 0, 1);
    }

    /// <summary>Length of the lists of neighbours.</summary>
    public int K1 { get; }

    /// <summary>Rows that are averaged.</summary>
    public int K2 { get; }

    /// <summary>The share of the first distance in the result.</summary>
    public double Lambda { get; }

    /// <summary>Which published variant. Default: the paper's.</summary>
    public KReciprocalDialect Dialect { get; init => field = Guard.Defined(value, nameof(Dialect)); } = KReciprocalDialect.Zhong;

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

    private Distance First => Distance ?? (Dialect == KReciprocalDialect.FastReid ? Distance.Cosine : Distance.EuclideanSquared);

    /// <summary>Re-ranks from given distances. <see cref="KReciprocalDialect.Zhong"/> takes them as they are (the paper's are squared
    /// Euclidean), <see cref="KReciprocalDialect.Torchreid"/> squares them.</summary>
    /// <param name="queryGallery">[Q, G].</param>
    /// <param name="queryQuery">[Q, Q].</param>
    /// <param name="galleryGallery">[G, G], all of one type, float32 or float64; the arithmetic on them is done in it. Where they are not
    /// symmetric, row i is made of column i, as the published code does.</param>
    /// <exception cref="ArgumentException">A shape or type does not fit, or a distance is not finite.</exception>
    /// <exception cref="NotSupportedException">fast-reid's dialect, which needs features.</exception>
    public RerankedDistances Rerank(Tensor queryGallery, Tensor queryQuery, Tensor galleryGallery)
    {
        if (Dialect == KReciprocalDialect.FastReid)
            throw new NotSupportedException("The dialect FastReid works on features; give those instead of distances.");
        using var scope = NewDisposeScope();
        var distances = new GivenDistances(queryGallery, queryQuery, galleryGallery, Dialect == KReciprocalDialect.Torchreid);
        var lists = NeighbourLists.Of(distances, distances.Count, distances.Count, ListWidth);
        return Encode(lists, distances.Key, distances.Queries, distances.Queries, (first, count) => distances.Block(first, count),
            distances.Held).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"k-reciprocal re-ranking ({Dialect}, k1 = {K1}, k2 = {K2}, λ = {Lambda}) of {First}");

    private protected override RerankedDistances RerankCore(Tensor features, int? queries)
    {
        var (all, galleryStart, gallery) = ((int)features.size(0), queries ?? 0, (int)features.size(0) - (queries ?? 0));
        var fastReid = Dialect == KReciprocalDialect.FastReid;
        var scores = new FeatureScores(fastReid ? Distance.EuclideanSquared : First, features, features);
        var lists = NeighbourLists.Of(scores, all, all, ListWidth);
        var farthest = Array.ConvertAll(lists.FarthestKeys, key => Units(scores.Distance(key)));
        var rows = features.cpu();
        var exact = new FeatureScores(First, rows, rows);       // reads the rows where they are, so they are held
        return Encode(lists, fastReid ? scores.Key : Original, queries ?? all, galleryStart, Block, rows);

        double Units(double distance) => Dialect == KReciprocalDialect.Torchreid ? distance * distance : distance;

        double Original(int i, int j)
        {
            var distance = Units(exact.Distance(exact.Key(i, j)));
            return fastReid || farthest[i] == 0 ? distance : distance / farthest[i];
        }

        unsafe Tensor Block(int first, int count)
        {
            const int tile = 32;        // gallery rows that stay in a core's cache while the queries pass
            var block = empty(count, gallery, ScalarType.Float64);
            var memory = (nint)NativeMemory.Of(block);
            Threads.For((gallery + tile - 1) / tile, t =>
            {
                for (var i = 0; i < count; i++)
                    for (var j = t * tile; j < Math.Min((t + 1) * tile, gallery); j++)
                        ((double*)memory)[(long)i * gallery + j] = Original(first + i, galleryStart + j);
            });
            return block;
        }
    }

    private int ListWidth => Dialect == KReciprocalDialect.FastReid ? K1 : Math.Max(K1 + 1, K2);

    private RerankedDistances Encode(NeighbourLists lists, Func<int, int, double> weigh, int queries, int galleryStart,
        Func<int, int, Tensor> blended, params Tensor[] held)
    {
        var encoding = KReciprocalEncoding.Of(lists, K1, K2, weigh);
        var index = new InvertedIndex(encoding.AsSpan(galleryStart), encoding.Length);
        var lambda = Lambda;
        var asked = encoding[..queries];
        return new RerankedDistances(queries, encoding.Length - galleryStart, asked.Sum(row => row.Bytes) + index.Bytes, Finish, held);

        unsafe Tensor Finish(int first, Tensor rows)
        {
            var (count, gallery) = ((int)rows.size(0), (int)rows.size(1));
            if (rows.numel() == 0) return rows;
            var original = blended(first, count).contiguous();
            var (sums, distances) = ((nint)NativeMemory.Of(rows), (nint)NativeMemory.Of(original));
            Threads.For(count, i =>
            {
                var row = new Span<double>((double*)sums + (long)i * gallery, gallery);
                var d = new ReadOnlySpan<double>((double*)distances + (long)i * gallery, gallery);
                index.AddMinima(asked[first + i], row);
                for (var j = 0; j < gallery; j++)
                    row[j] = Math.Max(0, 1 - row[j] / (2 - row[j])) * (1 - lambda) + d[j] * lambda;
            });
            GC.KeepAlive(original);
            return rows;
        }
    }
}
