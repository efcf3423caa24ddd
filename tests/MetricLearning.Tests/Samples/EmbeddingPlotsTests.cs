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
}
