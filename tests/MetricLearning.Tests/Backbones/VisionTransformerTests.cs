using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class VisionTransformerTests
{
    [Fact]
    public void Names_AreTimms()
    {
        using var backbone = VisionTransformer.Tiny();
        var state = backbone.state_dict();
        Assert.Equal(152 - 2, state.Count);      // timm's has 152 entries, of which two are the classifier's
        Assert.Equal([1, 197, 192], state["pos_embed"].shape);
        Assert.Equal([1, 1, 192], state["cls_token"].shape);
        Assert.Equal([192, 3, 16, 16], state["patch_embed.proj.weight"].shape);
        Assert.Equal([576, 192], state["blocks.11.attn.qkv.weight"].shape);
        string[] names = ["patch_embed.proj.bias", "blocks.0.norm1.weight", "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight",
            "blocks.0.norm2.bias", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.bias", "norm.weight"];
        Assert.All(names, name => Assert.Contains(name, state.Keys));
    }

    [Fact]
    public void Weights_StartFromANormalDistribution()
    {
        manual_seed(2);
        using var scope = NewDisposeScope();
        using var backbone = VisionTransformer.Tiny(sides: 6);
        var state = backbone.state_dict();
        foreach (var name in new[] { "blocks.3.mlp.fc1.weight", "pos_embed", "sie_embed" })
        {
            Assert.Equal(0.02, state[name].std().ToDouble(), 0.002);
            Assert.Equal(0, state[name].mean().ToDouble(), 0.002);
        }
        Assert.Equal(0, state["blocks.3.mlp.fc1.bias"].abs().max().ToDouble());
        Assert.InRange(state["patch_embed.proj.weight"].abs().max().ToDouble(), 0.03, 1 / Math.Sqrt(3 * 16 * 16));
    }

    [Fact]
    public void Patches_Overlap_WhereTheStrideIsLess()
    {
        using var scope = NewDisposeScope();
        using var backbone = VisionTransformer.Tiny(256, 128, stride: 12, feature: TransformerFeature.Patches);
        Assert.Equal([1, 1 + 21 * 10, 192], backbone.state_dict()["pos_embed"].shape);
        backbone.eval();
        using var noGradient = no_grad();
        var images = rand(2, 3, 256, 128);
        var map = backbone.call(images);
        var tokens = backbone.Tokens(images);
        Assert.Equal([2, 192, 21, 10], map.shape);
        Assert.True(map[1, TensorIndex.Colon, 3, 7].allclose(tokens[1, 1 + 3 * 10 + 7]));
    }

    [Fact]
    public void ClassToken_IsTheFirst()
    {
        using var scope = NewDisposeScope();
        using var backbone = VisionTransformer.Tiny(64, 32);
        backbone.eval();
        using var noGradient = no_grad();
        var images = rand(2, 3, 64, 32);
        Assert.True(backbone.call(images).flatten(1).Equals(backbone.Tokens(images).select(1, 0)));
    }

    [Fact]
    public void SideInformation_IsAddedToAllTokens_TimesTheScale()
    {
        using var scope = NewDisposeScope();
        using var with = VisionTransformer.Tiny(64, 32, sides: 3, sideScale: 2.5);
        using var without = VisionTransformer.Tiny(64, 32);
        with.eval();
        without.eval();
        using var noGradient = no_grad();
        var state = with.state_dict();
        foreach (var (name, tensor) in without.state_dict()) tensor.copy_(state[name]);
        var images = rand(2, 3, 64, 32);
        var mixed = with.Tokens(images, tensor([2L, 0L]));
        foreach (var (row, side) in new[] { (0, 2), (1, 0) })
        {
            without.state_dict()["pos_embed"].copy_(state["pos_embed"] + 2.5 * state["sie_embed"][side]);
            Assert.True(without.Tokens(images)[row].allclose(mixed[row], rtol: 1e-4, atol: 1e-5));
        }
    }

    [Fact]
    public void SideInformation_ThatDoesNotFit_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var with = VisionTransformer.Tiny(64, 32, sides: 3);
        using var without = VisionTransformer.Tiny(64, 32);
        var images = rand(2, 3, 64, 32);
        Assert.StartsWith("side must say for each image which of 3 kinds it is",
            Assert.Throws<ArgumentException>(() => with.call(images)).Message);
        Assert.StartsWith("side must be null", Assert.Throws<ArgumentException>(() => without.Tokens(images, tensor([0L, 1L]))).Message);
        Assert.StartsWith("side must be [2], one label per row, got [1].",
            Assert.Throws<ArgumentException>(() => with.Tokens(images, tensor([0L]))).Message);
        Assert.StartsWith("side must be in [0, 3), got 3 in row 1.", Assert.Throws<ArgumentException>(
            () => with.Tokens(images, tensor([0L, 3L]))).Message);
        Assert.StartsWith("images must be at least 16 pixels", Assert.Throws<ArgumentException>(
            () => without.call(rand(2, 3, 15, 32))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => VisionTransformer.Tiny(stride: 17));
        Assert.Throws<ArgumentOutOfRangeException>(() => VisionTransformer.Tiny(dropPath: 1));
    }

    [Theory]
    [InlineData(PositionInterpolation.Bilinear)]
    [InlineData(PositionInterpolation.Bicubic)]
    public void Positions_OfAnotherGrid_AreInterpolated(PositionInterpolation interpolation)
    {
        using var scope = NewDisposeScope();
        var positions = randn(1, 1 + 2 * 3, 4);
        Assert.True(positions.allclose(PositionGrid.Resize(positions, (2, 3), (2, 3), interpolation), atol: 1e-6));
        var larger = PositionGrid.Resize(positions, (2, 3), (4, 6), interpolation);
        Assert.Equal([1, 25, 4], larger.shape);
        Assert.True(positions[0, 0].Equals(larger[0, 0]));
        // Both interpolations keep a plane where the neighborhood is complete. In this plane a row step adds 10 and a column step adds 1.
        var values = (10 * arange(4, ScalarType.Float32)).unsqueeze(1) + arange(4, ScalarType.Float32);
        var plane = cat([zeros(1, 1, 1), values.view(1, 16, 1)], 1);
        var doubled = PositionGrid.Resize(plane, (4, 4), (8, 8), interpolation)[0, 1.., 0].view(8, 8);
        // half-pixel centers: row (3 + 0.5) / 2 − 0.5, column (4 + 0.5) / 2 − 0.5
        Assert.Equal(10 * 1.25 + 1.75, doubled[3, 4].ToDouble(), 1e-4);
    }

    [Fact]
    public void PublishedPositions_OfASquareGrid_AreResizedWhenLoaded_AndReported()
    {
        using var scope = NewDisposeScope();
        using var published = VisionTransformer.Tiny(64, 64);
        using var model = new EmbeddingModel(VisionTransformer.Tiny(64, 32, interpolation: PositionInterpolation.Bilinear),
            neck: new BNNeck(192));
        var file = published.state_dict();
        file["head.weight"] = zeros(10, 192);
        file["head.bias"] = zeros(10);
        var report = model.LoadWeights(file, strict: false, rename: WeightNames.Timm());
        Assert.Equal(150, report.Matched.Count);
        Assert.Empty(report.Mismatched);
        var resized = Assert.Single(report.Resized);
        Assert.Equal("backbone.pos_embed: [1, 17, 192] in the file, [1, 9, 192] in the model", resized.ToString());
        Assert.Contains("\n  resized:\n    backbone.pos_embed", report.ToString());
        var expected = PositionGrid.Resize(file["pos_embed"], (4, 4), (4, 2), PositionInterpolation.Bilinear);
        Assert.True(expected.Equals(model.state_dict()["backbone.pos_embed"]));

        file["pos_embed"] = zeros(1, 18, 192);
        Assert.Equal("backbone.pos_embed",
            Assert.Single(model.LoadWeights(file, strict: false, rename: WeightNames.Timm()).Mismatched).Name);
    }

    [Fact]
    public void PicturesOfAnotherSize_GetInterpolatedPositions()
    {
        using var scope = NewDisposeScope();
        using var backbone = VisionTransformer.Tiny(64, 32, feature: TransformerFeature.Patches);
        Assert.Equal([1, 192, 6, 3], backbone.call(rand(1, 3, 96, 48)).shape);
    }
}
