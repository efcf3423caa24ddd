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

        static IEnumerable<long[]> Permutations(List<long> rest) => rest.Count == 0 ? [[]]
            : Enumerable.Range(0, rest.Count).SelectMany(i => Permutations([.. rest.Where((_, j) => j != i)])
                .Select(p => (long[])[rest[i], .. p]));

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
