using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class MultiQueryTests
{
    [Theory]
    [InlineData(MultiQueryPooling.Average, false, new[] { 2.0, 3, 5, 1, 2, 3 })]
    [InlineData(MultiQueryPooling.Max, false, new[] { 3.0, 5, 5, 1, 3, 5 })]
    public void Pool_OfIdentityAndCamera(MultiQueryPooling pooling, bool normalize, double[] expected)
    {
        using var scope = NewDisposeScope();
        using var images = Set([1, 1, 3, 5, 5, 1, 7, 7], [1, 1, 1, 2], [1, 1, 2, 1]);
        using var query = Set([0, 0, 0, 0, 0, 0], [1, 1, 1], [1, 2, 1]);
        using var pooled = MultiQuery.Pool(query, images, pooling, normalize);
        Assert.Equal(expected, pooled.Features.data<double>().ToArray());
        Assert.Equal(query.Identities, pooled.Identities);
        Assert.Equal(query.Cameras, pooled.Cameras);
    }

    [Fact]
    public void Pool_Normalized_CountsEachPictureAlike_AndWithoutCamerasPoolsTheIdentity()
    {
        using var scope = NewDisposeScope();
        using var images = Set([3, 4, 0, 80, 5, 0], [1, 1, 2], null);
        using var query = Set([0, 0], [1], null);
        using var pooled = MultiQuery.Pool(query, images, MultiQueryPooling.Average);
        Assert.Equal([0.3, 0.9], pooled.Features.data<double>().ToArray().Select(x => Math.Round(x, 12)));
    }

    [Theory]
    [InlineData(MultiQueryPooling.Average)]
    [InlineData(MultiQueryPooling.Max)]
    public void Pool_Normalized_CountsPicturesAlike_HoweverShortOrLong(MultiQueryPooling pooling)
    {
        using var scope = NewDisposeScope();
        foreach (var (type, most) in new[] { (ScalarType.Float32, 125), (ScalarType.Float64, 1000) })
        {
            var rows = tensor(new double[] { 3, 4, 0, 0, 1, 2, -5, 1 }, [4, 2]);
            var factors = tensor(new[] { 1, Math.ScaleB(1, -most), Math.ScaleB(1, most), Math.ScaleB(1, -40) }).unsqueeze(1);
            using var images = new EmbeddingSet(rows.to(type), [1, 1, 1, 1]);
            using var scaled = new EmbeddingSet((rows * factors).to(type), [1, 1, 1, 1]);
            using var pooled = MultiQuery.Pool(images, images, pooling);
            using var actual = MultiQuery.Pool(images, scaled, pooling);
            using var means = images.ClassMeans();
            using var actualMeans = scaled.ClassMeans();
            Assert.True(pooled.Features.Equals(actual.Features));
            Assert.True(means.Features.Equals(actualMeans.Features));
        }
    }

    [Fact]
    public void Pool_AndClassMeans_RefuseWhatIsNotFinite()
    {
        using var scope = NewDisposeScope();
        using var images = Set([1, 2, 3, double.NaN], [1, 1], null);
        var e = Assert.Throws<ArgumentException>(() => MultiQuery.Pool(images, images, MultiQueryPooling.Max));
        Assert.Equal(("images", "images must be finite, got NaN in row 1, column 1. (Parameter 'images')"), (e.ParamName, e.Message));
        Assert.Contains("NaN in row 1, column 1", Assert.Throws<InvalidOperationException>(() => images.ClassMeans()).Message);
    }

    [Fact]
    public void Pool_OfTheQueriesThemselves_IsTheQuery_WhereEachStandsAlone()
    {
        using var scope = NewDisposeScope();
        using var query = Set([1, 2, 3, 4], [1, 1], [1, 2]);
        using var pooled = MultiQuery.Pool(query, query, MultiQueryPooling.Average, normalize: false);
        Assert.True(query.Features.Equals(pooled.Features));
    }

    [Fact]
    public void Pool_WithoutAPicture_NamesTheQuery()
    {
        using var scope = NewDisposeScope();
        using var images = Set([1, 1], [1], [1]);
        using var query = Set([1, 1, 1, 1], [1, 7], [1, 3]);
        Assert.StartsWith("images must have at least one image for each query, but there is none for query 1 (identity 7, camera 3)",
            Assert.Throws<ArgumentException>(() => MultiQuery.Pool(query, images, MultiQueryPooling.Max)).Message);
        using var blind = Set([1, 1], [1], null);
        Assert.StartsWith("query and images must both have cameras, or neither",
            Assert.Throws<ArgumentException>(() => MultiQuery.Pool(query, blind, MultiQueryPooling.Max)).Message);
    }

    private static EmbeddingSet Set(double[] features, long[] identities, long[]? cameras) =>
        new(tensor(features).reshape(identities.Length, 2), identities, cameras);
}
