using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Lloyd's k-means with seeded k-means++ starts, in float64 on the device of the features.</summary>
/// <remarks>
/// Starts are drawn with probability proportional to the squared distance from the nearest center so far (Arthur and Vassilvitskii,
/// 2007), by the library's own generator. A cluster that loses all its rows takes the row farthest from its center. The best of
/// <see cref="Restarts"/> runs is kept. Distances are taken about the mean row, some rows at a time: memory beyond the float64 copy of the
/// features is about 64 MB.
/// </remarks>
public sealed class KMeans
{
    private const long TileNumbers = 4L << 20;

    /// <summary>k-means into so many clusters.</summary>
    /// <param name="clusters">k; for NMI and AMI the number of classes.</param>
    /// <param name="seed">The seed of the starts.</param>
    public KMeans(int clusters, ulong seed = 0) => (Clusters, Seed) = (Guard.AtLeast(clusters, 1), seed);

    /// <summary>k.</summary>
    public int Clusters { get; }

    /// <summary>The seed of the starts.</summary>
    public ulong Seed { get; }

    /// <summary>How many runs from different starts. Default: 1.</summary>
    public int Restarts { get; init => field = Guard.AtLeast(value, 1); } = 1;

    /// <summary>The most iterations of a run. Default: 300.</summary>
    public int MaxIterations { get; init => field = Guard.AtLeast(value, 1); } = 300;

    /// <summary>Clusters the rows.</summary>
    /// <param name="features">[N, D], finite, N at least k.</param>
    /// <exception cref="ArgumentException">There are fewer rows than clusters, or a feature is not finite.</exception>
    public KMeansResult Fit(Tensor features)
    {
        Guard.Matrix(features);
        if (features.size(0) < Clusters)
            throw new ArgumentException($"features must have at least {Clusters} rows, one a cluster, got {Guard.Shape(features)}.",
                nameof(features));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Guard.Finite(features);
        var rows = features.detach().to(ScalarType.Float64).contiguous();
        var mean = rows.mean([0], keepdim: true);
        rows = rows - mean;
        KMeansResult? best = null;
        for (var run = 0; run < Restarts; run++)
        {
            var result = Run(rows, mean, SeededRandom.ForStream(Seed, 0, (ulong)run));
            var better = best is null || result.Inertia < best.Inertia;
            (better ? best : result)?.Dispose();
            if (better) best = result;
        }
        return best!;
    }

    private KMeansResult Run(Tensor rows, Tensor mean, SeededRandom random)
    {
        using var scope = NewDisposeScope();
        var (count, width) = ((int)rows.size(0), rows.size(1));
        var centers = Start(rows, random);
        var (assigned, nearest) = Assign(rows, centers);
        var iterations = 1;
        var settled = false;
        for (; iterations < MaxIterations && !settled; iterations++)
        {
            using var step = NewDisposeScope();
            var moved = Update(rows, assigned, nearest);
            var (next, distances) = Assign(rows, moved);
            settled = next.AsSpan().SequenceEqual(assigned);
            (assigned, nearest) = (next, distances);
            centers.copy_(moved);
        }
        return new KMeansResult(centers.Plus(mean).DetachFromDisposeScope(), Array.ConvertAll(assigned, a => (long)a), nearest.Sum(),
            iterations,
            settled);
    }

    private Tensor Start(Tensor rows, SeededRandom random)
    {
        using var scope = NewDisposeScope();
        var count = (int)rows.size(0);
        var chosen = new long[Clusters];
        var nearest = new double[count];
        Array.Fill(nearest, double.PositiveInfinity);
        chosen[0] = random.NextInt(count);
        for (var c = 1; c < Clusters; c++)
        {
            var distances = Squared(rows, rows[chosen[c - 1]]);
            var sum = 0.0;
            for (var i = 0; i < count; i++) sum += nearest[i] = Math.Min(nearest[i], distances[i]);
            chosen[c] = sum > 0 ? Draw(nearest, random.NextDouble() * sum) : random.NextInt(count);
        }
        return rows.index_select(0, tensor(chosen, device: rows.device)).MoveToOuterDisposeScope();
    }

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

    private static double[] Squared(Tensor rows, Tensor center)
    {
        using var scope = NewDisposeScope();
        var result = new double[rows.size(0)];
        var step = Math.Max(1, TileNumbers / rows.size(1));
        for (long row = 0; row < rows.size(0); row += step)
        {
            using var tile = NewDisposeScope();
            var difference = rows.narrow(0, row, Math.Min(step, rows.size(0) - row)) - center;
            TensorMemory.Copy<double>(difference.mul_(difference).sum(1)).CopyTo(result, (int)row);
        }
        return result;
    }

    private static (int[] Assigned, double[] Squared) Assign(Tensor rows, Tensor centers)
    {
        using var scope = NewDisposeScope();
        var (assigned, squared) = (new int[rows.size(0)], new double[rows.size(0)]);
        var norms = (centers * centers).sum(1);
        var step = Math.Max(1, TileNumbers / Math.Max(rows.size(1), centers.size(0)));
        for (long row = 0; row < rows.size(0); row += step)
        {
            using var tile = NewDisposeScope();
            var part = rows.narrow(0, row, Math.Min(step, rows.size(0) - row));
            var product = part.matmul(centers.t());
            var choice = (norms - product - product).argmin(1);
            var difference = part - centers.index_select(0, choice);
            var places = TensorMemory.Copy<long>(choice);
            for (var i = 0; i < places.Length; i++) assigned[row + i] = (int)places[i];
            TensorMemory.Copy<double>(difference.mul_(difference).sum(1)).CopyTo(squared, (int)row);
        }
        return (assigned, squared);
    }

    /// <summary>The mean row of each cluster; empty ones first take the farthest rows, in which <paramref name="assigned"/> is
    /// changed.</summary>
    private Tensor Update(Tensor rows, int[] assigned, double[] nearest)
    {
        using var scope = NewDisposeScope();
        var sizes = new int[Clusters];
        foreach (var a in assigned) sizes[a]++;
        if (sizes.Contains(0))
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
        return stack(means).MoveToOuterDisposeScope();
    }
}
