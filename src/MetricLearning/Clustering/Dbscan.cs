using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>DBSCAN, which finds the clusters and their number from the density of the rows (Ester, Kriegel, Sander and Xu, 1996). Pseudo
/// labels of images without identities come from it.</summary>
/// <remarks>
/// <para>A row is a core row if at least <see cref="MinNeighbors"/> rows, itself included, are at most <see cref="Radius"/> away. A cluster
/// consists of core rows that are neighbors of each other, directly or over other core rows, and of their neighbors. Rows that are in no
/// cluster are noise. The result is that of scikit-learn: clusters are numbered in the order of their first core rows, and a row at the
/// border of several clusters belongs to the one with the lowest number.</para>
/// <para>It is as exact as <see cref="RetrievalEvaluator"/>: pairs are neighbors by their float64 distances, and tiles of scores decide
/// only the clear cases. No matrix of N² numbers is made. Memory: tiles of at most about 100 MB, and 4 bytes for each pair of neighbors,
/// so a radius that is far too large needs much memory.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record Dbscan
{
    private const int TileQueries = 256, TileRows = 2048, TileScores = 1 << 22;
    private const long Noise = -1;

    /// <summary>Creates DBSCAN with this radius.</summary>
    /// <param name="radius">The largest distance of neighbors (ε), above 0. Self-paced contrastive learning (SpCL) takes 0.6 for the
    /// Jaccard distances of k-reciprocal re-ranking.</param>
    /// <param name="minNeighbors">The least number of neighbors of a core row, itself included, at least 1. Default: 4, as in
    /// SpCL.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is not in its range.</exception>
    public Dbscan(double radius, int minNeighbors = 4) => (Radius, MinNeighbors) = (radius, minNeighbors);

    /// <summary>The largest distance of neighbors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The radius is not finite, or not greater than 0.</exception>
    public double Radius { get; init => field = Guard.Positive(value); }

    /// <summary>The least number of neighbors of a core row, itself included. Default: 4.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int MinNeighbors { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The distance between rows. Default: cosine.</summary>
    /// <exception cref="ArgumentNullException">The distance is null.</exception>
    public Distance Distance { get; init => field = Guard.NotNull(value); } = Distance.Cosine;

    /// <summary>Clusters the rows by <see cref="Distance"/>.</summary>
    /// <param name="features">[N, D], finite.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report
    /// is 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked after each tile of scores.</param>
    /// <exception cref="ArgumentException">A shape does not fit, a feature is not finite, or rows are too long or too short to be
    /// squared; the message names the row.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public DbscanResult Fit(Tensor features, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        Guard.Matrix(features);
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Guard.Finite(features);
        return Fit(EvaluationInput.ScoresOf(Distance, features, features, origin: new(nameof(features))), (int)features.size(0), call);
    }

    /// <summary>Clusters the rows of one set by their distances after re-ranking, of row i to all others in row i.
    /// <see cref="Distance"/> is not used.</summary>
    /// <param name="distances">The distances of a set to itself, by <see cref="Reranker.Rerank(Tensor, IProgress{double},
    /// CancellationToken)"/>. They are the Jaccard distances alone for <c>new KReciprocalReranker(lambda: 0)</c>.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1. Default: null, no reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked after each tile of scores.</param>
    /// <exception cref="ArgumentException">The numbers of queries and gallery rows differ, so they are not one set.</exception>
    /// <exception cref="ObjectDisposedException">The distances have been disposed.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public DbscanResult Fit(RerankedDistances distances, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(distances);
        if (distances.Queries != distances.Gallery) throw new ArgumentException(
            $"distances must be those of one set to itself, got {distances.Queries} queries and {distances.Gallery} gallery rows.",
            nameof(distances));
        var call = CallProgress.Begin(progress, cancellationToken);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        return Fit(distances.Scores(), distances.Queries, call);
    }

    private DbscanResult Fit(ScoreSource source, int count, CallProgress call)
    {
        var neighbors = Neighbors(source, count, call);
        var isCore = Array.ConvertAll(neighbors, list => list.Length >= MinNeighbors);
        var assigned = new long[count];
        Array.Fill(assigned, Noise);
        var (clusters, open) = (0, new Stack<int>());
        for (var row = 0; row < count; row++)
        {
            if (!isCore[row] || assigned[row] != Noise) continue;
            open.Push(row);
            while (open.TryPop(out var next))
            {
                if (assigned[next] != Noise) continue;
                assigned[next] = clusters;
                if (!isCore[next]) continue;
                foreach (var neighbor in neighbors[next])
                    if (assigned[neighbor] == Noise) open.Push(neighbor);
            }
            clusters++;
        }
        call.Done();
        return new DbscanResult(assigned, isCore, clusters);
    }

    /// <summary>The rows that are at most the radius away from each row, itself included.</summary>
    private int[][] Neighbors(ScoreSource source, int count, CallProgress call)
    {
        var neighbors = new int[count][];
        if (count == 0) return neighbors;
        var (type, farthest) = (source.CountingType, FarthestKey(source));
        var width = source.WholeRows ? count : Math.Min(count, TileRows);
        var height = Math.Clamp(TileScores / width, 1, TileQueries);
        for (var first = 0; first < count; first += height)
        {
            using var scope = NewDisposeScope();
            var (start, found) = (first, new List<int>[Math.Min(height, count - first)]);
            source.Begin(first, found.Length, width, type);
            for (var row = 0; row < count; row += width)
            {
                using var tile = NewDisposeScope();
                var (left, columns) = (row, Math.Min(width, count - row));
                var scores = TensorMemory.Copy<double>(source.Tile(row, columns).to(ScalarType.Float64));
                Threads.For(found.Length, i =>
                    Add(source, start + i, scores.AsSpan(i * columns, columns), left, type, farthest, found[i] ??= []));
                call.Report(((double)first * count + (double)found.Length * (row + columns)) / ((double)count * count));
            }
            for (var i = 0; i < found.Length; i++) neighbors[first + i] = [.. found[i]];
        }
        return neighbors;
    }

    /// <summary>Adds the neighbors of a query among the rows of a tile.</summary>
    private static void Add(ScoreSource source, int query, Span<double> scores, int first, ScalarType type, double farthest,
        List<int> neighbors)
    {
        var form = source.KeyOf(query, type);
        form.Lowest(scores, scores);
        for (var i = 0; i < scores.Length; i++)
        {
            var row = first + i;
            if (row == query || (scores[i] <= farthest && (scores[i] + 2 * form.Error <= farthest || source.Key(query, row) <= farthest)))
                neighbors.Add(row);
        }
    }

    /// <summary>The largest key of a pair of neighbors. Distances rise with keys, so it is found by halving the floating-point
    /// numbers.</summary>
    private double FarthestKey(ScoreSource source)
    {
        var (low, high) = (Place(double.MinValue), Place(double.PositiveInfinity));
        while (high - low > 1)
        {
            var middle = low + (high - low) / 2;
            if (source.Distance(Number(middle)) <= Radius) low = middle;
            else high = middle;
        }
        return Number(low);

        // The places of floating-point numbers in their order.
        static Int128 Place(double number)
        {
            var bits = BitConverter.DoubleToInt64Bits(number);
            return bits >= 0 ? bits : -(Int128)(bits & long.MaxValue);
        }

        static double Number(Int128 place) =>
            place >= 0 ? BitConverter.Int64BitsToDouble((long)place) : -BitConverter.Int64BitsToDouble((long)-place);
    }
}
