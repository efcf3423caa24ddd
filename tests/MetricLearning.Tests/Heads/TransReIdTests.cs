using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class TransReIdTests
{
    // The value of each token is its number: 0 is the class token, and patches count from 1.
    [Theory]
    [InlineData(8, 5, 2, new[] { 5, 1, 6, 2, 7, 3, 8, 4 })]
    [InlineData(8, 2, 2, new[] { 2, 6, 3, 7, 4, 8, 5, 1 })]
    [InlineData(6, 1, 3, new[] { 1, 3, 5, 2, 4, 6 })]
    [InlineData(7, 3, 2, new[] { 3, 7, 4, 1, 5, 2, 6, 1 })]        // 3 4 5 6 7 1 2, and the last but one again: 1
    public void Shuffle_ShiftsThenDeals(int patches, int shift, int groups, int[] expected)
    {
        using var scope = NewDisposeScope();
        var shuffled = TransReId.Shuffle(arange(patches + 1, ScalarType.Float32).view(1, -1, 1), shift, groups);
        Assert.Equal(expected.Select(number => (float)number), shuffled.flatten().data<float>().ToArray());
    }

    [Fact]
    public void Shuffle_ThatDoesNotComeOutEven_IsRefused()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => TransReId.Shuffle(zeros(1, 8, 2), 3, 3));     // 7 patches: neither 7 nor 8 is divided by 3
        Assert.Throws<ArgumentException>(() => TransReId.Shuffle(zeros(1, 5, 2), 5, 2));
    }

    [Fact]
    public void Jigsaw_SeesTheWholeAndTheGroups()
    {
        manual_seed(6);
        using var scope = NewDisposeScope();
        using var transformer = VisionTransformer.Tiny(64, 32, sides: 2);
        using var model = new TransReId(transformer, classes: 3);
        model.eval();
        using var noGradient = no_grad();
        var (images, side) = (rand(2, 3, 64, 32), tensor([1L, 0L]));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(images, side);
        Assert.Equal(before + 5 + 1 + 5, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        // The copies of the last block still equal the last block, so the global feature is the transformer's own class token.
        Assert.True(transformer.Tokens(images, side).select(1, 0).allclose(output.Features[0], rtol: 1e-4, atol: 1e-5));
        var tokens = transformer.TokensBeforeLastBlock(images, side);
        int[] dealt = [5, 1, 6, 2, 7, 3, 8, 4];
        var last = transformer.CopyOfLastBlock();
        for (var group = 0; group < 4; group++)
        {
            var chosen = tokens.index_select(1, tensor([0L, dealt[2 * group], dealt[2 * group + 1]]));
            Assert.True(last.call(chosen).select(1, 0).allclose(output.Features[1 + group], rtol: 1e-4, atol: 1e-5));
        }
        last.Dispose();
        Assert.True(cat([output.Features[0], .. output.Features.Skip(1).Select(feature => feature / 4)], 1).allclose(output.Embedding));
        Assert.Equal([2, model.EmbeddingDimension], output.Embedding.shape);
        Assert.True(output.Embedding.Equals(model.Embed(images, side)));
        var state = model.state_dict();
        var behind = output.Features[2] / Math.Sqrt(1 + 1e-5);
        Assert.True(behind.matmul(state["classifier_2.weight"].t()).allclose(output.Logits[2], rtol: 1e-4, atol: 1e-6));
    }

    [Fact]
    public void WithoutJigsaw_ItIsTheTransformerAndANeck()
    {
        using var scope = NewDisposeScope();
        using var transformer = VisionTransformer.Tiny(64, 32);
        using var model = new TransReId(transformer, groups: 0, embedBehindNeck: true);
        model.eval();
        using var noGradient = no_grad();
        var images = rand(2, 3, 64, 32);
        var output = model.call(images, null);
        Assert.True(transformer.Tokens(images).select(1, 0).Equals(output.Features.Single()));
        Assert.True((output.Features[0] / Math.Sqrt(1 + 1e-5)).allclose(output.Embedding, rtol: 1e-5));
        Assert.Empty(output.Logits);
    }

    [Fact]
    public void Names_AreTransReids()
    {
        using var scope = NewDisposeScope();
        using var model = new TransReId(VisionTransformer.Tiny(64, 32, sides: 6), classes: 3);
        var theirs = model.state_dict().ToDictionary(named => "module." + named.Key.Replace(".bn.", ".", StringComparison.Ordinal),
            named => named.Value);
        string[] expected =
        [
            "module.base.cls_token", "module.base.sie_embed", "module.base.blocks.11.attn.qkv.weight", "module.base.norm.bias",
                "module.b1.0.norm1.weight", "module.b1.1.bias", "module.b2.0.mlp.fc2.weight",
            "module.bottleneck.running_mean", "module.bottleneck_4.weight", "module.classifier.weight", "module.classifier_4.weight",
        ];
        Assert.All(expected, name => Assert.Contains(name, theirs.Keys));
        theirs["module.base.fc.weight"] = zeros(1000, 192);
        var report = model.LoadWeights(theirs, strict: true, rename: WeightNames.TransReId());
        Assert.Equal(["module.base.fc.weight"], report.LeftOut);
        Assert.Equal(5, model.LoadWeights(theirs, strict: false, rename: WeightNames.TransReId(classifier: false)).Missing.Count);
    }

    [Fact]
    public void Gradient_ReachesEveryParameter_ButTheBlockThatWasCopied()
    {
        using var scope = NewDisposeScope();
        using var model = new TransReId(VisionTransformer.Tiny(64, 32, sides: 2, dropPath: 0.1), classes: 3);
        GradientFlow.ReachesEveryParameter(model, () => cat([.. model.call(rand(4, 3, 64, 32), tensor([0L, 1L, 1L, 0L])).Logits], 1),
            unused: name =>
                name.StartsWith("base.blocks.11.", StringComparison.Ordinal) || name.StartsWith("base.norm.", StringComparison.Ordinal));
        Assert.Throws<ArgumentException>(() => model.call(rand(1, 3, 64, 32), tensor([0L])));
    }
}
