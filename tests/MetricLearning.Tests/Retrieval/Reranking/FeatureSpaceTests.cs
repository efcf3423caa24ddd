using System.Globalization;
using CsCheck;
using MetricLearning.Testing;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests query expansion, camera normalization and principal components.</summary>
[LeavesNoTensors]
public class FeatureSpaceTests
{
    private static double Cosine(float[] x, float[] y) => -RetrievalOracle.Key(Distance.Cosine, x, y);

    private static double[] Mean(float[] row, float[][] others, int k, double alpha, bool withRow)
    {
        var near = others.OrderByDescending(other => Cosine(row, other)).Take(k)
            .Select(other => (Row: other, Weight: Cosine(row, other) >= 0 || double.IsInteger(alpha) ? Math.Pow(Cosine(row, other), alpha)
                : 0)).ToList();
        if (withRow) near.Add((row, 1));
        return [.. row.Select((_, d) => near.Sum(n => n.Weight * n.Row[d]) / near.Count)];
    }

    private static void AssertRows(double[][] expected, Tensor actual)
    {
        using var wide = actual.to(ScalarType.Float64);
        Assert.Equal(expected.SelectMany(row => row), wide.data<double>().ToArray(),
            (a, b) => Math.Abs(a - b) <= 1e-6 * Math.Max(1, Math.Abs(a)));
    }

    [Fact]
    public void Expansions_AreMeansOfTheNearest() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 30], Gen.Int[1, 12], Gen.OneOf(Gen.Const(0.0), Gen.Const(1.5), Gen.Const(3.0)), Gen.ULong)
            .Sample((queries, rows, k, alpha, seed) =>
        {
            var c = RetrievalEvaluatorTests.Random(new SeededRandom(seed), queries, rows, 6);
            using var query = c.QuerySet();
            using var gallery = c.GallerySet();
            var expansion = new QueryExpansion(k, alpha);
            using var expanded = expansion.Expand(query, gallery);
            AssertRows([.. c.Query.Select(row => Mean(row, c.Gallery, k, alpha, withRow: true))], expanded.Features);
            Assert.Equal(query.Identities, expanded.Identities);
            Assert.Equal(query.Cameras, expanded.Cameras);
            using var augmented = expansion.Augment(gallery);
            AssertRows([.. c.Gallery.Select(row => Mean(row, c.Gallery, k, alpha, withRow: false))], augmented.Features);
            float[][] all = [.. c.Query, .. c.Gallery];
            var (both, galleryToo) = expansion.ExpandAll(query, gallery);
            using (both) AssertRows([.. c.Query.Select(row => Mean(row, all, k, alpha, withRow: false))], both.Features);
            using (galleryToo) AssertRows([.. c.Gallery.Select(row => Mean(row, all, k, alpha, withRow: false))], galleryToo.Features);
        }, iter: 40, threads: 1);

    [Fact]
    public void Expansion_TwiceIsOneAfterTheOther()
    {
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(4), 5, 30, 6);
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        using var twice = new QueryExpansion(4) { Times = 2 }.Expand(query, gallery);
        using var once = new QueryExpansion(4).Expand(query, gallery);
        using var again = new QueryExpansion(4).Expand(once, gallery);
        Assert.True(twice.Features.Equals(again.Features));
    }

    [Fact]
    public void CameraNormalization_LeavesNoMeanPerCamera()
    {
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(9), 60, 300, 5);
        using var scope = NewDisposeScope();
        using var query = c.QuerySet();
        using var gallery = c.GallerySet();
        using var fitted = CameraNormalization.Fit(query, gallery);
        Assert.Equal(360, fitted.Counts.Values.Sum());
        foreach (var scale in new[] { false, true })
        {
            using var q = fitted.Apply(query, scale);
            using var g = fitted.Apply(gallery, scale);
            var all = cat([q.Features, g.Features]).to(ScalarType.Float64);
            long[] cameras = [.. q.Cameras!, .. g.Cameras!];
            float[][] before = [.. c.Query, .. c.Gallery];
            foreach (var camera in cameras.Distinct())
            {
                int[] rows = [.. Enumerable.Range(0, cameras.Length).Where(i => cameras[i] == camera)];
                Assert.Equal(rows.Length, fitted.Counts[camera]);
                for (var d = 0; d < 5; d++)
                {
                    var mean = rows.Average(i => (double)before[i][d]);
                    var deviation = scale ? Math.Sqrt(rows.Average(i => (before[i][d] - mean) * (before[i][d] - mean))) : 1;
                    Assert.Equal((before[rows[0]][d] - mean) / deviation, all[rows[0], d].item<double>(), 1e-5);
                    Assert.Equal(0, rows.Average(i => all[i, d].item<double>()), 1e-5);
                }
            }
        }
        using var other = new EmbeddingSet(ones(1, 5), [1], [77]);
        Assert.Contains("Camera 77 was not among those fitted (0, 1, 2, 3, 4, 5)",
            Assert.Throws<ArgumentException>(() => fitted.Apply(other)).Message, StringComparison.Ordinal);
        using var none = new EmbeddingSet(ones(1, 5), [1]);
        Assert.Contains("has none", Assert.Throws<ArgumentException>(() => CameraNormalization.Fit(none)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void CameraNormalization_Scaled_DoesNotDependOnTheSizeOfFeatures_AndLeavesConstantColumns()
    {
        using var scope = NewDisposeScope();
        var rows = tensor(new float[] { 1, 7, 2, 7, 4, 7, -3, 7 }, [4, 2]);
        using var set = new EmbeddingSet(rows.clone(), [1, 2, 3, 4], [1, 1, 1, 1]);
        using var tiny = new EmbeddingSet(rows * MathF.ScaleB(1, -100), [1, 2, 3, 4], [1, 1, 1, 1]);
        using var fitted = CameraNormalization.Fit(set);
        using var expected = fitted.Apply(set, scale: true);
        using var fittedTiny = CameraNormalization.Fit(tiny);
        using var actual = fittedTiny.Apply(tiny, scale: true);
        Assert.True(expected.Features.Equals(actual.Features));
        using var other = new EmbeddingSet(tensor(new float[] { 1, 9 }, [1, 2]), [1], [1]);
        using var scaled = fitted.Apply(other, scale: true);
        Assert.Equal(2, scaled.Features[0, 1].item<float>());
    }

    [Fact]
    public void Apply_RefusesWhatIsNotFinite()
    {
        using var scope = NewDisposeScope();
        using var set = new EmbeddingSet(rand(5, 3), [1, 2, 3, 4, 5], [1, 1, 1, 1, 1]);
        foreach (var value in new[] { float.NaN, float.PositiveInfinity })
        {
            var rows = rand(5, 3);
            rows[3, 1] = value;
            using var bad = new EmbeddingSet(rows, [1, 2, 3, 4, 5], [1, 1, 1, 1, 1]);
            using var cameras = CameraNormalization.Fit(set);
            using var components = PrincipalComponents.Fit(set);
            foreach (var apply in new Func<EmbeddingSet>[] { () => cameras.Apply(bad), () => components.Apply(bad) })
                Assert.StartsWith($"set features must be finite, got {value.ToString(CultureInfo.InvariantCulture)} in row 3, column 1.",
                    Assert.Throws<ArgumentException>(() => apply()).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void PrincipalComponents_AreUncorrelated_AndWhitenedToOne()
    {
        var c = RetrievalEvaluatorTests.Random(new SeededRandom(3), 40, 500, 6);
        foreach (var row in c.Gallery) { row[1] += 2 * row[0]; row[2] *= 3; row[3] += 5; }
        using var scope = NewDisposeScope();
        using var gallery = c.GallerySet(ScalarType.Float64);
        using var all = PrincipalComponents.Fit(gallery);
        Assert.Equal(1, all.ExplainedVariance, 1e-12);
        Assert.Equal(all.Variances.OrderDescending(), all.Variances);
        using var turned = all.Apply(gallery);
        // A rotation about the mean: distances stay.
        var (before, after) = (Distance.Euclidean.Matrix(gallery.Features, gallery.Features),
            Distance.Euclidean.Matrix(turned.Features, turned.Features));
        Assert.True((before.square() - after.square()).abs().max().item<double>() < 1e-9);
        var covariance = turned.Features.t().matmul(turned.Features) / 500;
        Assert.True((covariance - diag(tensor(all.Variances.ToArray()))).abs().max().item<double>() < 1e-10);
        using var some = PrincipalComponents.Fit(gallery, 3);
        Assert.Equal(all.Variances.Take(3), some.Variances);
        using var white = some.Apply(gallery, whiten: true);
        Assert.Equal([500, 3], white.Features.shape);
        Assert.True((white.Features.t().matmul(white.Features) / 500 - eye(3)).abs().max().item<double>() < 1e-10);
        Assert.Equal(gallery.Identities, white.Identities);
    }

    /// <summary>Sums of squares overflow or become 0, so the result would be NaN, infinite or 0.</summary>
    [Theory]
    [InlineData(1e200, " must be at most 1E+150 in size, so that sums of squares do not overflow, got 2E+200.")]
    [InlineData(1e-170, " must reach 1E-140 in size, so that sums of squares do not become 0, got 2E-170 at most.")]
    public void NumbersThatCannotBeSquared_AreRefused(double size, string expected)
    {
        using var scope = NewDisposeScope();
        var features = S(size) * tensor(new[] { 1.0, 0, -1, 2 }).view(2, 2);
        using var set = new EmbeddingSet(features.alias(), new long[2], new long[2]);
        foreach (var fit in new Action[]
        {
            () => PrincipalComponents.Fit(set).Dispose(), () => CameraNormalization.Fit(set).Dispose(),
            () => EffectiveDimension.VarianceShares(features), () => new KMeans(1).Fit(features).Dispose(),
        })
            Assert.Contains(expected, Assert.Throws<ArgumentException>(fit).Message, StringComparison.Ordinal);
    }

    /// <summary>Rows that are all 0 have no size that could be too small.</summary>
    [Fact]
    public void Zeros_CanBeSquared()
    {
        using var scope = NewDisposeScope();
        var features = zeros(3, 2, ScalarType.Float64);
        Assert.All(EffectiveDimension.VarianceShares(features), share => Assert.True(double.IsNaN(share)));
        using var clusters = new KMeans(1).Fit(features);
        Assert.Equal(0, clusters.Inertia);
        using var set = new EmbeddingSet(features.alias(), new long[3]);
        Assert.Equal(1, new RetrievalEvaluator { Distance = Distance.Euclidean }.Evaluate(set).RankAt(1));
    }

    [Fact]
    public void PrincipalComponents_SayWhatCannotBeWhitened()
    {
        using var two = new EmbeddingSet(tensor(new float[] { 1, 2, 3, 4, 5, 6 }, [2, 3]), [1, 2]);
        using var fitted = PrincipalComponents.Fit(two);
        Assert.Contains("Component 3 has no variance", Assert.Throws<InvalidOperationException>(
            () => fitted.Apply(two, whiten: true)).Message, StringComparison.Ordinal);
        using var fine = fitted.Apply(two, whiten: true, epsilon: 1e-3);
        Assert.Equal(2, fine.Count);
        using var wide = new EmbeddingSet(ones(2, 4), [1, 2]);
        Assert.Contains("must be [N, 3], got [2, 4]", Assert.Throws<ArgumentException>(() => fitted.Apply(wide)).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => PrincipalComponents.Fit(two, 4));
    }
}
