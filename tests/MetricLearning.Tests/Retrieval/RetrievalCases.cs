using CsCheck;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Small random retrievals with few identities and cameras, junk, distractors, single queries and galleries, and many
/// ties.</summary>
internal sealed record RetrievalCase(float[][] Query, float[][] Gallery, long[] QueryIdentities, long[] GalleryIdentities,
    long[] QueryCameras, long[] GalleryCameras)
{
    /// <summary>Features of a few whole numbers. Their sums are exact, so ties are ties in any order of addition.</summary>
    public static Gen<RetrievalCase> Tied { get; } = Of(Gen.Int[-2, 2].Select(v => (float)v));

    /// <summary>Features of any size between 2⁻²⁰ and 2²⁰, some of float16's precision.</summary>
    public static Gen<RetrievalCase> Wide { get; } =
        Of(Gen.Select(Gen.Double[-1, 1], Gen.Int[-20, 20], Gen.Bool).Select((m, e, half) => half ? (float)(Half)m
            : (float)Math.ScaleB(m, e)));

    /// <summary>Features between −1 and 1.</summary>
    public static Gen<RetrievalCase> Plain { get; } = Of(Gen.Double[-1, 1].Select(v => (float)v));

    /// <summary>Rows that mix zeros, float32's smallest numbers and huge ones. Some rows are longer than a block of the integer
    /// sieve.</summary>
    public static Gen<RetrievalCase> Extreme { get; } = Of(Gen.Select(Gen.Double[-1, 1], Gen.Int[0, 9]).Select((m, kind) => kind switch
    {
        0 => 0f,
        1 => (float)(m * 1e-44),
        2 => (float)(m * 1e-30),
        3 => (float)(m * 1e14),
        _ => (float)m,
    }), Gen.OneOf(Gen.Int[1, 40], Gen.Int[250, 530]));

    private static Gen<RetrievalCase> Of(Gen<float> value, Gen<int>? width = null) =>
        from sizes in Gen.Select(Gen.Int[0, 12], Gen.Int[1, 70], width ?? Gen.Int[1, 21])
        let rows = (Func<int, Gen<float[][]>>)(count => value.Array[sizes.Item3].Array[count])
        from query in rows(sizes.Item1)
        from gallery in rows(sizes.Item2)
        from queryIdentities in Gen.Long[-1, 5].Array[sizes.Item1]
        from galleryIdentities in Gen.Long[-1, 4].Array[sizes.Item2]
        from queryCameras in Gen.Long[0, 2].Array[sizes.Item1]
        from galleryCameras in Gen.Long[0, 2].Array[sizes.Item2]
        select new RetrievalCase(query, gallery, queryIdentities, galleryIdentities, queryCameras, galleryCameras);

    public EmbeddingSet QuerySet(ScalarType type = ScalarType.Float32) => new(Tensor(Query, type), QueryIdentities, QueryCameras);

    public EmbeddingSet GallerySet(ScalarType type = ScalarType.Float32) => new(Tensor(Gallery, type), GalleryIdentities, GalleryCameras);

    public RetrievalReport Evaluate(RetrievalEvaluator evaluator)
    {
        using var query = QuerySet();
        using var gallery = GallerySet();
        return evaluator.Evaluate(query, gallery);
    }

    /// <summary>Whether a query is compared with a gallery image, by Market-1501's rule.</summary>
    public bool Kept(int query, int row) =>
        GalleryIdentities[row] != -1 && (GalleryIdentities[row] != QueryIdentities[query] || GalleryCameras[row] != QueryCameras[query]);

    public int[] Ranks(int query, Distance distance) => QueryIdentities[query] == -1 ? [] : RetrievalOracle.Ranks(
        [.. Gallery.Select(row => RetrievalOracle.Key(distance, Query[query], row))], row => Kept(query, row), row =>
            GalleryIdentities[row] == QueryIdentities[query]);

    private Tensor Tensor(float[][] rows, ScalarType type)
    {
        using var flat = tensor(rows.SelectMany(r => r).ToArray());
        using var shaped = flat.view(rows.Length, Gallery[0].Length);
        return shaped.to(type, copy: true);
    }
}
