using CsCheck;
using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ClusteringTests
{
    [Theory]
    [InlineData(new long[] { 0, 0, 0, 1, 1, 2 }, new long[] { 5, 5, 6, 6, 6, 6 })]
    [InlineData(new long[] { 0, 0, 1, 1, 2, 2 }, new long[] { 0, 1, 0, 1, 0, 1 })]
    [InlineData(new long[] { 0, 0, 0, 0, 1, 1 }, new long[] { 0, 1, 2, 3, 4, 4 })]
    public void AdjustedMutualInformation_TakesTheExpectationOverAllPermutations(long[] labels, long[] clusters)
    {
        var expected = Permutations([.. clusters]).Average(c => ClusterAgreement.MutualInformation(labels, c));
        var mean = (Entropy(labels) + Entropy(clusters)) / 2;
        var information = ClusterAgreement.MutualInformation(labels, clusters);
        Assert.Equal((information - expected) / (mean - expected), ClusterAgreement.AdjustedMutualInformation(labels, clusters), 1e-10);
        Assert.Equal(information / mean, ClusterAgreement.NormalizedMutualInformation(labels, clusters), 1e-12);

        static double Entropy(long[] values) =>
            -values.GroupBy(v => v).Sum(g => (double)g.Count() / values.Length * Math.Log((double)g.Count() / values.Length));
    }

    [Fact]
    public void Agreement_KeepsItsLaws() =>
        Gen.Int[1, 40].SelectMany(n => Gen.Select(Gen.Long[0, 6].Array[n], Gen.Long[0, 6].Array[n])).Sample((a, b) =>
    {
        Assert.Equal(ClusterAgreement.AdjustedMutualInformation(a, b), ClusterAgreement.AdjustedMutualInformation(b,
            [.. a.Select(v => 9 - v)]), 1e-9);
        Assert.InRange(ClusterAgreement.NormalizedMutualInformation(a, b), 0, 1 + 1e-12);
        Assert.True(ClusterAgreement.AdjustedMutualInformation(a, b) <= ClusterAgreement.NormalizedMutualInformation(a, b) + 1e-9);
        Assert.Equal(1, ClusterAgreement.AdjustedMutualInformation(a, [.. a.Select(v => v * v)]));
        Assert.Equal(1, ClusterAgreement.NormalizedMutualInformation(a, [.. a.Select(v => v * v)]));
    }, iter: 200, threads: 1);

    [Fact]
    public void Agreement_OfPairs_CountsThem() =>
        Gen.Int[0, 30].SelectMany(n => Gen.Select(Gen.Long[0, 4].Array[n], Gen.Long[-1, 4].Array[n])).Sample((a, b) =>
    {
        double both = 0, onlyLabel = 0, onlyCluster = 0, neither = 0;
        for (var i = 0; i < a.Length; i++)
            for (var j = 0; j < i; j++)
            {
                if (a[i] == a[j] && b[i] == b[j]) both++;
                else if (a[i] == a[j]) onlyLabel++;
                else if (b[i] == b[j]) onlyCluster++;
                else neither++;
            }
        var (precision, recall) = (both / (both + onlyCluster), both / (both + onlyLabel));
        Assert.Equal(precision, ClusterAgreement.PairPrecision(a, b));
        Assert.Equal(recall, ClusterAgreement.PairRecall(a, b));
        Assert.Equal(2 * both / (2 * both + onlyLabel + onlyCluster), ClusterAgreement.PairF1(a, b));
        // The form of scikit-learn.
        var rand = onlyLabel + onlyCluster == 0 ? 1 : 2 * (both * neither - onlyLabel * onlyCluster)
            / ((both + onlyLabel) * (onlyLabel + neither) + (both + onlyCluster) * (onlyCluster + neither));
        Assert.Equal(rand, ClusterAgreement.AdjustedRandIndex(a, b), 1e-12);
        Assert.Equal(1, ClusterAgreement.AdjustedRandIndex(a, [.. a.Select(v => 7 - v)]));
        if (a.Length == 0) return;
        Assert.Equal(ClusterAgreement.Homogeneity(a, b), ClusterAgreement.Completeness(b, a), 1e-12);
        var (h, c) = (ClusterAgreement.Homogeneity(a, b), ClusterAgreement.Completeness(a, b));
        Assert.Equal(h + c == 0 ? 0 : 2 * h * c / (h + c), ClusterAgreement.NormalizedMutualInformation(a, b), 1e-9);
        Assert.Equal(1, ClusterAgreement.Homogeneity(a, [.. a.Select((_, i) => (long)i)]), 1e-12);
    }, iter: 300, threads: 1);

    [Fact]
    public void AdjustedRandIndex_IsZeroOnAverageOverAllPermutations()
    {
        long[] labels = [0, 0, 0, 1, 1, 2], clusters = [5, 5, 6, 6, 6, 6];
        Assert.Equal(0, Permutations([.. clusters]).Average(c => ClusterAgreement.AdjustedRandIndex(labels, c)), 1e-12);
        // Numbers of pairs whose products are larger than int64.
        long[] many = [.. Enumerable.Range(0, 200_000).Select(i => (long)(i % 2))];
        Assert.Equal(0, ClusterAgreement.AdjustedRandIndex(many, [.. many.Select((_, i) => (long)(i / 2 % 2))]), 1e-4);
        Assert.Equal(1, ClusterAgreement.AdjustedRandIndex(many, many));
    }

    /// <summary>Points on a grid, so that many distances are exactly the radius, and rows that occur twice.</summary>
    [Fact]
    public void Dbscan_AgreesWithItsDefinition() => Gen.Select(Gen.Int[0, 60], Gen.Int[1, 7], Gen.Int[1, 3], Gen.Int[1, 9])
        .SelectMany((count, least, width, range) => Gen.Int[0, range].Array[count * width].Select(x => (x, count, least, width)))
        .Sample((x, count, least, width) =>
    {
        using var scope = NewDisposeScope();
        using var features = tensor(Array.ConvertAll(x, v => (float)v)).view(count, width);
        for (var squaredRadius = 1; squaredRadius <= 4; squaredRadius *= 2)
        {
            var result = new Dbscan(Math.Sqrt(squaredRadius), least) { Distance = Distance.Euclidean }.Fit(features);
            AssertIsDefinition(result, count, least, (i, j) =>
                Enumerable.Range(0, width).Sum(k => (x[i * width + k] - x[j * width + k]) * (x[i * width + k] - x[j * width + k]))
                    <= squaredRadius);
            Assert.Equal(result.Assignments, new Dbscan(squaredRadius, least) { Distance = Distance.EuclideanSquared }
                .Fit(features).Assignments);
        }
    }, iter: 100, threads: 1);

    [Fact]
    public void Dbscan_OfManyTiles_AgreesWithItsDefinition()
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(4);
        double[] x = [.. Enumerable.Range(0, 4400).Select(_ => random.NextDouble())];
        var features = tensor(x).view(2200, 2);
        var result = new Dbscan(0.02, 5) { Distance = Distance.Lp(double.PositiveInfinity) }.Fit(features);
        Assert.InRange(result.Clusters, 2, 500);
        AssertIsDefinition(result, 2200, 5, (i, j) =>
            Math.Max(Math.Abs(x[2 * i] - x[2 * j]), Math.Abs(x[2 * i + 1] - x[2 * j + 1])) <= 0.02);
        var round = new Dbscan(0.02, 5) { Distance = Distance.Euclidean }.Fit(features);
        AssertIsDefinition(round, 2200, 5, (i, j) =>
            Math.Sqrt(Math.Pow(x[2 * i] - x[2 * j], 2) + Math.Pow(x[2 * i + 1] - x[2 * j + 1], 2)) <= 0.02);
    }

    [Fact]
    public void Dbscan_OfRerankedDistances_IsThatOfTheirRows()
    {
        using var scope = NewDisposeScope();
        var features = randn(120, 4, generator: new Generator(3));
        for (var lambda = 0.0; lambda < 0.5; lambda += 0.3)
        {
            using var distances = new KReciprocalReranker(8, 3, lambda).Rerank(features);
            var matrix = distances.Rows(0, 120).data<double>().ToArray();
            var result = new Dbscan(0.45).Fit(distances);
            Assert.InRange(result.Clusters, 1, 100);
            AssertIsDefinition(result, 120, 4, (i, j) => i == j || matrix[i * 120 + j] <= 0.45);
        }
        using var two = new KReciprocalReranker().Rerank(features, randn(7, 4));
        Assert.Contains("120 queries and 7 gallery rows", Assert.Throws<ArgumentException>(() => new Dbscan(0.6).Fit(two)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Dbscan_RefusesWhatIsOutOfRange()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dbscan(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dbscan(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Dbscan(0.6, 0));
        using var bad = tensor(new[] { 1, double.NaN }, [1, 2]);
        Assert.Throws<ArgumentException>(() => new Dbscan(0.6).Fit(bad));
    }

    /// <summary>Clusters grow from their first core rows; a row at the border belongs to the first cluster that reaches it.</summary>
    private static void AssertIsDefinition(DbscanResult result, int count, int least, Func<int, int, bool> near)
    {
        var rows = Enumerable.Range(0, count).ToArray();
        var neighbors = rows.Select(i => rows.Where(j => near(i, j)).ToArray()).ToArray();
        var expected = rows.Select(_ => -1L).ToArray();
        var clusters = 0;
        foreach (var row in rows)
        {
            if (expected[row] >= 0 || neighbors[row].Length < least) continue;
            var reached = new HashSet<int> { row };
            for (var more = true; more;)
            {
                var size = reached.Count;
                reached.UnionWith(reached.Where(i => neighbors[i].Length >= least).SelectMany(i => neighbors[i]).ToArray()
                    .Where(i => expected[i] < 0));
                more = reached.Count > size;
            }
            foreach (var member in reached) expected[member] = clusters;
            clusters++;
        }
        Assert.Equal(expected, result.Assignments);
        Assert.Equal(rows.Select(i => neighbors[i].Length >= least), result.IsCore);
        Assert.Equal(clusters, result.Clusters);
    }

    private static IEnumerable<long[]> Permutations(List<long> rest) => rest.Count == 0 ? [[]]
        : Enumerable.Range(0, rest.Count).SelectMany(i => Permutations([.. rest.Where((_, j) => j != i)])
            .Select(p => (long[])[rest[i], .. p]));

    [Fact]
    public void Agreement_RefusesDifferentLengths() => Assert.Contains("got 2 and 1", Assert.Throws<ArgumentException>(
        () => ClusterAgreement.NormalizedMutualInformation([1, 2], [1])).Message, StringComparison.Ordinal);

    [Fact]
    public void KMeans_FindsWhatIsApart_AndRepeats()
    {
        using var scope = NewDisposeScope();
        var random = new SeededRandom(1);
        var labels = Enumerable.Range(0, 200).Select(i => (long)(i % 5)).ToArray();
        var features = tensor(labels.SelectMany(l => new[] { 10 * (l % 3) + random.NextGaussian(), 10 * (l / 3) + random.NextGaussian() })
            .ToArray()).view(200, 2);
        using var first = new KMeans(5, seed: 4) { Restarts = 3 }.Fit(features);
        using var second = new KMeans(5, seed: 4) { Restarts = 3 }.Fit(features);
        Assert.Equal(1, ClusterAgreement.AdjustedMutualInformation(labels, first.Assignments));
        Assert.Equal(first.Assignments, second.Assignments);
        Assert.Equal(first.Inertia, second.Inertia);
        Assert.True(first.Converged);
        Assert.Equal([5, 2], first.Centers.shape);
        var place = (int)first.Assignments[0];
        var members = Enumerable.Range(0, 200).Where(i => first.Assignments[i] == place).Select(i => (long)i).ToArray();
        Assert.True(first.Centers[place].allclose(features.index_select(0, tensor(members)).mean([0]), 1e-9, 1e-9));
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(6)]
    public void KMeans_TakesDuplicateRows(int clusters)
    {
        using var scope = NewDisposeScope();
        using var features = tensor(new float[] { 1, 1, 1, 1, 4, 4 }).view(6, 1);
        using var result = new KMeans(clusters).Fit(features);
        Assert.True(double.IsFinite(result.Inertia));
        Assert.All(result.Assignments, a => Assert.InRange(a, 0, clusters - 1));
        Assert.Equal(clusters == 1 ? 12 : 0, result.Inertia, 1e-9);
    }

    [Fact]
    public void KMeans_WithFewerDifferentRowsThanClusters_Settles()
    {
        using var scope = NewDisposeScope();
        var distinct = rand(20, 3);
        using var result = new KMeans(25, seed: 2).Fit(distinct.repeat(30, 1));
        Assert.True(result.Converged);
        Assert.InRange(result.Iterations, 1, 20);
        Assert.Equal(0, result.Inertia, 1e-12);
        Assert.Equal(20, result.Assignments.Distinct().Count());
        Assert.True(result.Centers.isfinite().all().item<bool>());
    }

    [Fact]
    public void KMeans_RefusesFewerRowsThanClusters()
    {
        using var features = zeros(2, 3);
        Assert.Contains("at least 3 rows", Assert.Throws<ArgumentException>(() => new KMeans(3).Fit(features)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void EffectiveDimension_CountsTheAxesThatAreUsed()
    {
        using var scope = NewDisposeScope();
        var features = tensor(new float[] { 3, 0, 0, 5, -3, 0, 0, 5, 0, 1, 0, 5, 0, -1, 0, 5 }).view(4, 4);      // variances 18 : 2 : 0 : 0
        Assert.Equal([0.9, 0.1, 0, 0], EffectiveDimension.VarianceShares(features).Select(s => Math.Round(s, 12)));
        Assert.Equal(0.25, EffectiveDimension.Fraction(features, 0.5));
        Assert.Equal(0.5, EffectiveDimension.Fraction(features, 0.95));
        Assert.Equal(1, EffectiveDimension.Fraction(features, 1));
        Assert.True(double.IsNaN(EffectiveDimension.Fraction(ones(3, 2), 0.5)));
    }
}
