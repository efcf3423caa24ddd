using System.Globalization;
using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Replaces each row of features by the mean of itself and its nearest rows, weighted by <c>cosᵅ</c>: average query expansion
/// (Chum et al. 2007, α = 0), α query expansion (Radenović et al. 2018, α = 3), database-side augmentation (Arandjelović and Zisserman
/// 2012).</summary>
/// <remarks>
/// <para>Neighbors are found by the cosine in float64; ties are broken by index. The features are averaged as they are given: normalize
/// them first if long rows must not count more. The weighted sum is divided by the number of rows, not by the sum of the weights. If α is a
/// whole number, negative cosines are raised to the power α as well; for any other α their weight is 0.</para>
/// <para>Long calls report the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report is 1. They
/// check their cancellation token after each tile of scores and each block of rows. A canceled call frees all its tensors and has changed
/// nothing.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record QueryExpansion
{
    private const double MeansStart = 0.8;      // of the work; the neighbors come before

    /// <summary>Sets the parameters of the expansion.</summary>
    /// <param name="neighbors">The number of nearest rows in each mean. In <see cref="Expand"/> the row itself is added to them; in
    /// <see cref="ExpandAll"/> and <see cref="Augment"/> it is one of them. Default: 10.</param>
    /// <param name="alpha">The power of the cosine; with 0 all weights are equal. Default: 3.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of neighbors is less than 1, or α is not finite or less than 0.</exception>
    public QueryExpansion(int neighbors = 10, double alpha = 3) => (Neighbors, Alpha) = (neighbors, alpha);

    /// <summary>The number of nearest rows in each mean. Default: 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Neighbors { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The power α of the cosine, 0 or greater. Default: 3.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The power is not finite, or less than 0.</exception>
    public double Alpha { get; init => field = Guard.NotNegative(value); }

    /// <summary>How many times the expansion is repeated, each time on the result of the last. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Times { get; init => field = Guard.AtLeast(value, 1); } = 1;

    /// <summary>Replaces each query by the mean of itself, with weight 1, and its nearest gallery rows.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery rows; they stay as they are.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The expanded queries, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, or a feature is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public EmbeddingSet Expand(EmbeddingSet query, EmbeddingSet gallery, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        Check(query, gallery);
        using var scope = NewDisposeScope();
        var (x, y) = (RowMath.Widen(query.Features), RowMath.Widen(gallery.Features));
        for (var time = 0; time < Times; time++) x = Means(x, y, withRow: true, Part(call, time));
        call.Done();
        return With(query, x);
    }

    /// <summary>Replaces each row of a gallery by the mean of its nearest rows, including itself.</summary>
    /// <param name="set">The gallery.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>A set that the caller disposes.</returns>
    /// <exception cref="ArgumentException">A feature is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public EmbeddingSet Augment(EmbeddingSet set, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        Check(set);
        using var scope = NewDisposeScope();
        var means = Repeated(RowMath.Widen(set.Features), new(nameof(set)), call);
        call.Done();
        return With(set, means);
    }

    /// <summary>Expands as fast-reid does: each row of queries and gallery is replaced by the mean of its nearest rows among both,
    /// including itself.</summary>
    /// <param name="query">Q queries.</param>
    /// <param name="gallery">G gallery rows.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>Both sets, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">Widths, types, devices or embedding spaces differ, or a feature is not finite.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public (EmbeddingSet Query, EmbeddingSet Gallery) ExpandAll(EmbeddingSet query, EmbeddingSet gallery,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        Check(query, gallery);
        using var scope = NewDisposeScope();
        var both = cat([RowMath.Widen(query.Features), RowMath.Widen(gallery.Features)]);
        var all = Repeated(both, new(nameof(query), query.Count, nameof(gallery)), call);
        call.Done();
        return (With(query, all.narrow(0, 0, query.Count)), With(gallery, all.narrow(0, query.Count, gallery.Count)));
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"query expansion ({Neighbors} neighbors, α = {Alpha})");

    private Tensor Repeated(Tensor features, RowOrigin origin, CallProgress progress)
    {
        for (var time = 0; time < Times; time++) features = Means(features, features, withRow: false, Part(progress, time), origin);
        return features;
    }

    private CallProgress Part(CallProgress progress, int time) => progress.Part((double)time / Times, (time + 1.0) / Times);

    /// <summary>Computes the means of the rows of x over their nearest rows of y, and optionally over the row itself.</summary>
    private Tensor Means(Tensor x, Tensor y, bool withRow, CallProgress progress, RowOrigin? origin = null)
    {
        const int block = 512;
        var (count, width) = ((int)x.size(0), x.size(1));
        var lists = NeighborLists.Of(new FeatureScores(Distance.Cosine, x, y, origin: origin), count, (int)y.size(0), Neighbors,
            progress: progress.Part(0, MeansStart));
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
            progress.Part(MeansStart, 1).Report((double)(first + rows) / count);
        }
        return result;
    }

    /// <summary>The weight of a neighbor.</summary>
    private double Weight(double cosine) => cosine >= 0 || double.IsInteger(Alpha) ? Math.Pow(cosine, Alpha) : 0;

    private static void Check(EmbeddingSet query, EmbeddingSet gallery)
    {
        Check(query);
        Check(gallery);
        Guard.SameWidth(query.Features, gallery.Features, nameof(query), nameof(gallery));
        EmbeddingSpace.RequireSame(query.Space, gallery.Space, nameof(query), nameof(gallery));
    }

    private static void Check(EmbeddingSet set, [CallerArgumentExpression(nameof(set))] string name = "")
    {
        ArgumentNullException.ThrowIfNull(set, name);
        SetGuard.Finite(set, name);
    }

    private static EmbeddingSet With(EmbeddingSet set, Tensor features) =>
        new(features.to(set.Features.dtype, copy: true), set.Identities, set.Cameras) { Space = set.Space?.OfCombinations };
}
