using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Lloyd's k-means with seeded k-means++ starts, in float64 on the device of the features.</summary>
/// <remarks>
/// <para>The starts are the rows that become the first centers. The library's own generator draws them, each with a probability
/// proportional to its squared distance from the nearest center so far (Arthur and Vassilvitskii, 2007). An empty cluster takes over the
/// row that is farthest from the center to which it is assigned. Of <see cref="Restarts"/> runs, the one with the lowest
/// <see cref="KMeansResult.Inertia"/> is kept. The mean row is subtracted before distances are computed. On the CPU a float32 scan with a
/// proven error bound drops nearly all centers of a row, and float64 sums of squared differences decide among the rest. The answer is bit
/// for bit that of comparing all centers. Of equally near centers, the one with the lower number is taken. Other devices use float64 matrix
/// products, and so does the CPU for rows of more than 65,536 numbers or with a largest number outside of 10⁻¹²⁰ to 10¹²⁰. Memory: up to
/// two float64 copies of the features, and in addition a float32 copy on the CPU or about 64 MB elsewhere.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once.</para>
/// </remarks>
public sealed record KMeans
{
    /// <summary>Creates k-means with this number of clusters.</summary>
    /// <param name="clusters">k, at least 1; for NMI and AMI the number of classes.</param>
    /// <param name="seed">The seed of the starts. Default: 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of clusters is less than 1.</exception>
    public KMeans(int clusters, ulong seed = 0) => (Clusters, Seed) = (clusters, seed);

    /// <summary>The number of clusters, k.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Clusters { get; init => field = Guard.AtLeast(value, 1); }

    /// <summary>The seed of the starts. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>The number of runs from different starts. Default: 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Restarts { get; init => field = Guard.AtLeast(value, 1); } = 1;

    /// <summary>The largest number of iterations of a run. Default: 300.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int MaxIterations { get; init => field = Guard.AtLeast(value, 1); } = 300;

    /// <summary>Clusters the rows.</summary>
    /// <param name="features">[N, D], finite, N at least k.</param>
    /// <param name="progress">Receives the share of the work that is done, from 0 to 1 and rising, on the calling thread; the last report
    /// is 1. It counts <see cref="MaxIterations"/> iterations for each run, and jumps ahead if a run converges early. Default: null, no
    /// reports.</param>
    /// <param name="cancellationToken">Cancels the call; it is checked after each start that is drawn, and after each iteration. A
    /// canceled call frees all its tensors.</param>
    /// <returns>The clusters, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">There are fewer rows than clusters, or a feature is not finite, or above 1e150 in
    /// size, or all are below 1e-140 but not 0.</exception>
    /// <exception cref="OperationCanceledException">The call was canceled.</exception>
    public KMeansResult Fit(Tensor features, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        var call = CallProgress.Begin(progress, cancellationToken);
        Guard.Matrix(features);
        if (features.size(0) < Clusters)
            throw new ArgumentException($"features must have at least {Clusters} rows, one per cluster, got {Guard.Shape(features)}.",
                nameof(features));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Guard.Squarable(features);
        Tensor mean, rows;
        using (var wide = features.detach().to(ScalarType.Float64))
        {
            mean = wide.mean([0], keepdim: true);
            rows = (wide - mean).contiguous();
        }
        KMeansResult? best = null;
        for (var run = 0; run < Restarts; run++)
        {
            var part = call.Part((double)run / Restarts, (run + 1.0) / Restarts);
            var result = Run(rows, mean, SeededRandom.ForStream(Seed, 0, (ulong)run), part);
            var better = best is null || result.Inertia < best.Inertia;
            (better ? best : result)?.Dispose();
            if (better) best = result;
        }
        call.Done();
        best!.Centers.DetachFromDisposeScope();
        return best;
    }

    /// <summary>One run. The centers belong to the current dispose scope.</summary>
    private KMeansResult Run(Tensor rows, Tensor mean, SeededRandom random, CallProgress progress)
    {
        using var scope = NewDisposeScope();
        var passes = MaxIterations + 1.0;       // the starts count as one iteration
        var search = CenterSearch.Of(rows, Clusters);
        var centers = Start(rows, search, random, progress.Part(0, 1 / passes));
        var (assigned, nearest) = search.Assign(centers);
        var iterations = 1;
        var settled = false;
        for (; iterations < MaxIterations && !settled; iterations++)
        {
            using var step = NewDisposeScope();
            var (moved, filled) = Update(rows, assigned, nearest);
            var (next, distances) = search.Assign(moved);
            // If there are more clusters than different rows, Update moves a row into an empty cluster for ever, and nothing is gained.
            settled = next.AsSpan().SequenceEqual(assigned)
                || (filled && distances.Sum() >= nearest.Sum());
            (assigned, nearest) = (next, distances);
            centers.copy_(moved);
            progress.Report((iterations + 1) / passes);
        }
        return new KMeansResult(centers.Plus(mean).MoveToOuterDisposeScope(), Array.ConvertAll(assigned, a => (long)a), nearest.Sum(),
            iterations, settled);
    }

    /// <summary>The starts of k-means++.</summary>
    private Tensor Start(Tensor rows, CenterSearch search, SeededRandom random, CallProgress progress)
    {
        using var scope = NewDisposeScope();
        var count = (int)rows.size(0);
        var chosen = new long[Clusters];
        var nearest = new double[count];
        Array.Fill(nearest, double.PositiveInfinity);
        chosen[0] = random.NextInt(count);
        for (var c = 1; c < Clusters; c++)
        {
            search.Add(chosen[c - 1], nearest);
            var sum = 0.0;
            foreach (var distance in nearest) sum += distance;
            chosen[c] = sum > 0 ? Draw(nearest, random.NextDouble() * sum) : random.NextInt(count);
            progress.Report((double)c / Clusters);
        }
        return rows.index_select(0, tensor(chosen, device: rows.device)).MoveToOuterDisposeScope();
    }

    /// <summary>The place where the running sum of the weights passes a number.</summary>
    private static int Draw(double[] weights, double at)
    {
        var last = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0) continue;
            last = i;
            at -= weights[i];
            if (at < 0) break;
        }
        return last;
    }

    /// <summary>The mean row of each cluster. Empty clusters take the farthest rows first: <paramref name="assigned"/> is then changed, and
    /// the result says that there were some.</summary>
    private (Tensor Means, bool Filled) Update(Tensor rows, int[] assigned, double[] nearest)
    {
        using var scope = NewDisposeScope();
        var sizes = new int[Clusters];
        foreach (var a in assigned) sizes[a]++;
        var filled = sizes.Contains(0);
        if (filled)
        {
            var farthest = Enumerable.Range(0, assigned.Length).OrderByDescending(i => nearest[i]).ThenBy(i => i).GetEnumerator();
            for (var c = 0; c < Clusters; c++)
                while (sizes[c] == 0 && farthest.MoveNext())
                {
                    if (sizes[assigned[farthest.Current]] == 1) continue;
                    sizes[assigned[farthest.Current]]--;
                    assigned[farthest.Current] = c;
                    sizes[c]++;
                }
        }
        var order = Enumerable.Range(0, assigned.Length).OrderBy(i => assigned[i]).Select(i => (long)i).ToArray();      // stable
        var means = new List<Tensor>();
        var place = 0;
        foreach (var size in sizes)
        {
            var members = tensor(order.AsSpan(place, size).ToArray(), device: rows.device);
            means.Add(rows.index_select(0, members).mean([0]));
            place += size;
        }
        return (stack(means).MoveToOuterDisposeScope(), filled);
    }
}
