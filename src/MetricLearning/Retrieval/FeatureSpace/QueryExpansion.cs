using System.Globalization;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Replaces features by the mean of themselves and their nearest others, weighted by <c>cosᵅ</c>: average query expansion
/// (Chum et al. 2007, α = 0), α query expansion (Radenović et al. 2018, α = 3), database-side augmentation (Arandjelović and Zisserman
/// 2012).</summary>
/// <remarks>
/// <para>Neighbors are those of the cosine worked out in float64, ties by index. The mean is of the features as they are given: normalize
/// them first where long rows shall not count more. A negative cosine is raised to a whole α with its sign, and counts 0 otherwise.</para>
/// <para>Immutable once built.</para>
/// </remarks>
public sealed class QueryExpansion
{
    /// <param name="neighbors">How many rows are averaged with the row itself, or, in <see cref="ExpandAll"/> and
    /// <see cref="Augment"/>, including it. Default: 10.</param>
    /// <param name="alpha">The power of the cosine; 0 weighs all alike. Default: 3.</param>
    public QueryExpansion(int neighbors = 10, double alpha = 3) =>
        (Neighbors, Alpha) = (Guard.AtLeast(neighbors, 1), Guard.NotNegative(alpha));

    /// <summary>How many rows are averaged.</summary>
    public int Neighbors { get; }

    /// <summary>The power of the cosine.</summary>
    public double Alpha { get; }

    /// <summary>How many times over. Default: once.</summary>
    public int Times { get; init => field = Guard.AtLeast(value, 1); } = 1;

    /// <summary>Each query becomes the mean of itself, with weight 1, and its nearest gallery rows.</summary>
    /// <returns>The queries, which the caller disposes; the gallery stays as it is.</returns>
    /// <exception cref="ArgumentException">Widths, types or devices differ, or a feature is not finite.</exception>
    public EmbeddingSet Expand(EmbeddingSet query, EmbeddingSet gallery)
    {
        Check(query);
        Check(gallery);
        Guard.SameWidth(query.Features, gallery.Features);
        using var scope = NewDisposeScope();
        var (x, y) = (RowMath.Widen(query.Features), RowMath.Widen(gallery.Features));
        for (var time = 0; time < Times; time++) x = Means(x, y, withRow: true);
        return With(query, x);
    }

    /// <summary>Each row of a gallery becomes the mean of its nearest rows, of which it is one.</summary>
    /// <returns>A set that the caller disposes.</returns>
    /// <exception cref="ArgumentException">A feature is not finite.</exception>
    public EmbeddingSet Augment(EmbeddingSet set)
    {
        Check(set);
        using var scope = NewDisposeScope();
        return With(set, Repeated(RowMath.Widen(set.Features)));
    }

    /// <summary>fast-reid's expansion: each row of queries and gallery becomes the mean of its nearest among both, of which it is
    /// one.</summary>
    /// <returns>Both sets, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">Widths, types or devices differ, or a feature is not finite.</exception>
    public (EmbeddingSet Query, EmbeddingSet Gallery) ExpandAll(EmbeddingSet query, EmbeddingSet gallery)
    {
        Check(query);
        Check(gallery);
        Guard.SameWidth(query.Features, gallery.Features);
        using var scope = NewDisposeScope();
        var all = Repeated(cat([RowMath.Widen(query.Features), RowMath.Widen(gallery.Features)]));
        return (With(query, all.narrow(0, 0, query.Count)), With(gallery, all.narrow(0, query.Count, gallery.Count)));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"query expansion ({Neighbors} neighbors, α = {Alpha})");

    private Tensor Repeated(Tensor features)
    {
        for (var time = 0; time < Times; time++) features = Means(features, features, withRow: false);
        return features;
    }

    private Tensor Means(Tensor x, Tensor y, bool withRow)
    {
        const int block = 512;
        var (count, width) = ((int)x.size(0), x.size(1));
        var lists = NeighborLists.Of(new FeatureScores(Distance.Cosine, x, y), count, (int)y.size(0), Neighbors);
        var result = empty_like(x);
        for (var first = 0; first < count; first += block)
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(block, count - first);
            var (places, weights) = (new long[rows * lists.Width], new double[rows * lists.Width]);
            for (var i = 0; i < rows; i++)
                for (var k = 0; k < lists.Width; k++)
                    (places[i * lists.Width + k], weights[i * lists.Width + k]) =
                        (lists.Rows(first + i)[k], Weight(-lists.Keys(first + i)[k]));
            var near = y.index_select(0, tensor(places).to(y.device)).to(ScalarType.Float64).view(rows, lists.Width, width);
            var sum = (near * tensor(weights).to(y.device).view(rows, lists.Width, 1)).sum(1);
            if (withRow) sum.Plus_(x.narrow(0, first, rows).to(ScalarType.Float64));
            sum.div_(S(Math.Max(1, lists.Width + (withRow ? 1 : 0))));
            result.narrow(0, first, rows).copy_(sum);
        }
        return result;
    }

    private double Weight(double cosine) => cosine >= 0 || double.IsInteger(Alpha) ? Math.Pow(cosine, Alpha) : 0;

    private static void Check(EmbeddingSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        Guard.Finite(set.Features, "features");
    }

    private static EmbeddingSet With(EmbeddingSet set, Tensor features) =>
        new(features.to(set.Features.dtype, copy: true), set.Identities, set.Cameras);
}
