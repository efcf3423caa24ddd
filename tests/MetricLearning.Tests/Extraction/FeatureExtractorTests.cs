using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public sealed class FeatureExtractorTests : IDisposable
{
    private readonly EmbeddingModel model = InEvaluation(EmbeddingModel.TorchReId(OSNet.X025(), classes: 3));
    private readonly Tensor images = rand(2, 3, 64, 32).DetachFromDisposeScope();

    public void Dispose()
    {
        model.Dispose();
        images.Dispose();
    }

    [Fact]
    public void WithoutOptions_ItIsTheEmbedding()
    {
        using var features = new FeatureExtractor(model).Extract(images);
        using var expected = model.Embed(images);
        Assert.True(allclose(expected, features, 0, 0));
        Assert.False(features.requires_grad);
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void Views_AreAveraged()
    {
        using var scope = NewDisposeScope();
        var larger = nn.functional.interpolate(images, [80, 40], mode: InterpolationMode.Bilinear, align_corners: false);
        var expected = (model.Embed(images) + model.Embed(images.flip(3)) + model.Embed(larger) + model.Embed(larger.flip(3))) / 4;
        var features = new FeatureExtractor(model) { Flip = true, Scales = [1, 1.25] }.Extract(images);
        Assert.True(allclose(expected, features, 1e-5, 1e-6));
        Assert.False(allclose(expected, model.Embed(images), 1e-3, 1e-4));
        // An image and its mirror image give the same features.
        var flip = new FeatureExtractor(model) { Flip = true };
        Assert.True(allclose(flip.Extract(images), flip.Extract(images.flip(3)), 1e-5, 1e-6));
    }

    [Theory]
    [InlineData("backbone.conv3", 96)]
    [InlineData("fc.0", 512)]
    public void ALayer_GivesVectors_MapsTheirMeanOverPlaces(string layer, int dimension)
    {
        using var scope = NewDisposeScope();
        var features = new FeatureExtractor(model, layer).Extract(images);
        Assert.Equal([2, dimension], features.shape);
        var output = LayerFeatures.Of(model, images, layer);
        Assert.True(allclose(output.dim() == 4 ? output.mean([2, 3]) : output, features, 0, 0));
    }

    [Fact]
    public void HalfPrecision_ComesFromTheWeights_AndGivesFloat32()
    {
        using var scope = NewDisposeScope();
        var exact = new FeatureExtractor(model).Extract(images);
        model.to(ScalarType.BFloat16);
        var half = new FeatureExtractor(model).Extract(images);
        Assert.Equal(ScalarType.Float32, half.dtype);
        Assert.False(allclose(exact, half, 0, 0));
        var error = (exact - half).norm().item<float>() / exact.norm().item<float>();
        Assert.InRange(error, 0, 0.05);
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        var unknown = Assert.Throws<ArgumentException>(() => new FeatureExtractor(model, "backbone.conv9"));
        Assert.Contains("There is no layer 'backbone.conv9'", unknown.Message, StringComparison.Ordinal);
        Assert.Equal("Scales", Assert.Throws<ArgumentException>(() => new FeatureExtractor(model) { Scales = [] }).ParamName);
        Assert.Equal("Scales", Assert.Throws<ArgumentNullException>(() => new FeatureExtractor(model) { Scales = null! }).ParamName);
        Assert.Equal("Scales", Assert.Throws<ArgumentOutOfRangeException>(() => new FeatureExtractor(model) { Scales = [1, 0] }).ParamName);
        using var flat = zeros(4, 3);
        Assert.Contains("got [4, 3]", Assert.Throws<ArgumentException>(() => new FeatureExtractor(model).Extract(flat)).Message,
            StringComparison.Ordinal);
    }

    private static EmbeddingModel InEvaluation(EmbeddingModel model)
    {
        model.eval();
        return model;
    }
}
