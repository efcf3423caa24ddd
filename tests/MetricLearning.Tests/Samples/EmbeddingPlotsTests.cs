extern alias sample;

using MetricLearning.Testing;
using sample::MetricLearning.Samples;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EmbeddingPlotsTests
{
    /// <summary>Distances 0 to 999 to one query: its own identity at even ones.</summary>
    [Fact]
    public void Histogram_CountsEachPairOnce()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(zeros(1, 1), [1]);
        using var gallery = new EmbeddingSet(arange(1000).to(ScalarType.Float32).view(-1, 1),
            [.. Enumerable.Range(0, 1000).Select(i => 1L + i % 2)]);
        var histogram = EmbeddingPlots.Histogram(query, gallery, RetrievalProtocol.NoFilter, Distance.Euclidean,
            TestContext.Current.CancellationToken, bins: 10);
        Assert.Equal(0, histogram.Low);
        Assert.InRange(histogram.High, 996, 999);
        Assert.Equal(1, histogram.Same.Sum(), 1e-9);
        Assert.Equal(1, histogram.Different.Sum(), 1e-9);
        Assert.All(histogram.Same.Concat(histogram.Different), share => Assert.InRange(share, 0.098, 0.104));
    }

    /// <summary>The pairs are those that the protocol leaves: without a rule of cameras, one camera is enough.</summary>
    [Fact]
    public void Histogram_FollowsTheProtocol()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(zeros(1, 1), [1], [1]);
        // Many images of one distance are the last bin, so that each of the first five has a bin of its own.
        const int many = 1000;
        using var gallery = new EmbeddingSet(cat([tensor(new[] { 0f, 1, 2, 3, 4 }), full(many, 10f)]).view(-1, 1),
            [1, 1, 2, 2, -1, .. Enumerable.Repeat(3L, many)], [1, 2, 1, 2, 3, .. Enumerable.Repeat(2L, many)]);
        Assert.Equal((2, 4), Bins(RetrievalProtocol.NoFilter));
        Assert.Equal((1, 3), Bins(RetrievalProtocol.Market1501));
        Assert.Equal((1, 3), Bins(RetrievalProtocol.NoFilter with { Cameras = CameraFilter.All }));
        Assert.Equal((1, 4), Bins(RetrievalProtocol.SelfRetrieval));
        Assert.Equal((2, 3), Bins(RetrievalProtocol.NoFilter with { Keep = (_, shown) => shown.Index != 4 }));

        (int Same, int Different) Bins(RetrievalProtocol protocol)
        {
            var histogram = EmbeddingPlots.Histogram(query, gallery, protocol, Distance.Euclidean, TestContext.Current.CancellationToken);
            return (histogram.Same.Count(share => share > 0), histogram.Different.Count(share => share > 0));
        }
    }

    [Fact]
    public void Histogram_OfEqualDistances_HasOneBin()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(zeros(1, 1), [1]);
        using var gallery = new EmbeddingSet(zeros(3, 1), [1, 2, 2]);
        var histogram = EmbeddingPlots.Histogram(query, gallery, RetrievalProtocol.NoFilter, Distance.Euclidean,
            TestContext.Current.CancellationToken);
        Assert.Equal((1, 1), (histogram.Same.Max(), histogram.Different.Max()));
    }

    /// <summary>The squares of these float32 numbers are infinite in float32, and their products are −∞ as distances.</summary>
    [Theory]
    [InlineData(nameof(Distance.EuclideanSquared))]
    [InlineData(nameof(Distance.Dot))]
    public void Histogram_LeavesOutInfiniteDistances(string name)
    {
        var distance = (Distance)typeof(Distance).GetProperty(name)!.GetValue(null)!;
        using var scope = NewDisposeScope();
        using var query = EmbeddingSet.FromRows([[1e25f], [1f]], [1, 2]);
        using var gallery = EmbeddingSet.FromRows([[3e25f], [2f], [3f]], [1, 2, 1]);
        var histogram = EmbeddingPlots.Histogram(query, gallery, RetrievalProtocol.NoFilter, distance,
            TestContext.Current.CancellationToken);
        Assert.True(double.IsFinite(histogram.Low) && double.IsFinite(histogram.High), $"{histogram.Low} to {histogram.High}");
        Assert.All(histogram.Same.Concat(histogram.Different), share => Assert.InRange(share, 0, 1));
    }

    /// <summary>float64 features have distances that float32 cannot hold.</summary>
    [Fact]
    public void Histogram_HoldsDistancesOfFloat64()
    {
        using var scope = NewDisposeScope();
        using var query = new EmbeddingSet(zeros(1, 1, ScalarType.Float64), [1]);
        using var gallery = new EmbeddingSet(1e50 * ones(2, 1, ScalarType.Float64), [1, 2]);
        var histogram = EmbeddingPlots.Histogram(query, gallery, RetrievalProtocol.NoFilter, Distance.Euclidean,
            TestContext.Current.CancellationToken);
        Assert.Equal((1, 1), (histogram.Same.Sum(), histogram.Different.Sum()));
        Assert.InRange(histogram.High, 0.9e50, 1.1e50);
    }
}
