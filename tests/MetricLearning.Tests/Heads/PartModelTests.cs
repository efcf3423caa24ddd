using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class PartModelTests
{
    [Fact]
    public void Pcb_EmbedsNormalizedStripes_AndClassifiesEach()
    {
        using var scope = NewDisposeScope();
        using var model = new Pcb(ResNet.ResNet18(lastStride: 1), classes: 5, parts: 3, reducedDimension: 16);
        model.eval();
        using var noGradient = no_grad();
        var images = rand(2, 3, 96, 32);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(images);
        Assert.Equal(before + 1 + 3, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        var map = LayerFeatures.Of(model, images, "backbone");                     // [2, 512, 6, 2]
        var state = model.state_dict();
        for (var part = 0; part < 3; part++)
        {
            var stripe = map[.., .., (2 * part)..(2 * part + 2)].mean([2, 3]);
            var embedded = output.Embedding.view(2, 512, 3)[.., .., part];
            Assert.True((stripe / stripe.norm(1, keepdim: true)).allclose(embedded, atol: 1e-6));
            var reduced = stripe.matmul(state["conv5.layers.0.weight"].flatten(1).t());
            reduced = (reduced - state["conv5.layers.1.running_mean"]) / (state["conv5.layers.1.running_var"] + 1e-5).sqrt();
            var logits = reduced.clamp_min(0).matmul(state[$"classifier.{part}.weight"].t()) + state[$"classifier.{part}.bias"];
            Assert.True(logits.allclose(output.Logits[part], rtol: 1e-4, atol: 1e-5));
        }
        Assert.Same(output.Embedding, output.Features.Single());
        Assert.Equal([2, model.EmbeddingDimension], output.Embedding.shape);
        Assert.True(output.Embedding.Equals(model.Embed(images)));
    }

    [Fact]
    public void Output_IsDisposedWithAllItsTensors_AndTwiceDoesNothing()
    {
        using var model = new Pcb(ResNet.ResNet18(lastStride: 1), classes: 5, parts: 3, reducedDimension: 16);
        using var images = rand(2, 3, 96, 32);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(images);
        output.Dispose();
        output.Dispose();
        Assert.True(output.Embedding.IsInvalid);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Pcb_LoadsTorchreidsNames()
    {
        using var scope = NewDisposeScope();
        using var model = new Pcb(ResNet.ResNet18(lastStride: 1), classes: 5);
        using var resNet = ResNet.ResNet18();
        var file = resNet.state_dict().ToDictionary(named => "module." + named.Key, named => named.Value);
        file["module.conv5.layers.0.weight"] = zeros(256, 512, 1, 1);
        foreach (var part in new[] { "weight", "bias", "running_mean", "running_var" }) file["module.conv5.layers.1." + part] = zeros(256);
        for (var i = 0; i < 6; i++) (file[$"module.classifier.{i}.weight"], file[$"module.classifier.{i}.bias"]) = (zeros(5, 256),
            zeros(5));
        Assert.True(model.LoadWeights(file, rename: WeightNames.TorchReIdPcb()).IsExact);
    }

    [Fact]
    public void Mgn_SeesTheWholeAndItsStripes()
    {
        manual_seed(4);
        using var scope = NewDisposeScope();
        using var model = new Mgn(ResNet.ResNet18(lastStride: 2), classes: 7, reducedDimension: 8,
            pooling: () => new GlobalAveragePooling());
        model.eval();
        using var noGradient = no_grad();
        var images = rand(2, 3, 144, 48);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(images);
        Assert.Equal(before + 5 + 1 + 8, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal([8, 8, 8, 16, 24], output.Features.Select(feature => feature.size(1)));
        Assert.Equal([2, 64], output.Embedding.shape);
        Assert.All(output.Logits, logits => Assert.Equal([2, 7], logits.shape));

        // Computes the second stripe of branch b3 by hand. The map of b3 has 9 rows, so the stripe has rows 3 to 5.
        var maps = LayerFeatures.Of(model, images, ["b1", "b2", "b3"]);
        Assert.Equal([2, 512, 5, 2], maps["b1"].shape);
        Assert.Equal([2, 512, 9, 3], maps["b3"].shape);
        var state = model.state_dict();
        var pooled = maps["b3"][.., .., 3..6].mean([2, 3]).matmul(state["b32_head.bottleneck.0.weight"].flatten(1).t()) / Math.Sqrt(
            1 + 1e-5);
        Assert.True(pooled.allclose(output.Features[4][.., 8..16], rtol: 1e-4, atol: 1e-5));
        Assert.True(pooled.allclose(output.Embedding[.., 48..56], rtol: 1e-4, atol: 1e-5));
        Assert.True(pooled.matmul(state["b32_head.weight"].t()).allclose(output.Logits[6], rtol: 1e-4, atol: 1e-6));
    }

    [Fact]
    public void Mgn_BranchesStartFromTheResNet_AndLearnApart()
    {
        using var scope = NewDisposeScope();
        using var resNet = ResNet.ResNet50();
        var weights = resNet.state_dict().ToDictionary(named => named.Key, named => named.Value.clone());
        using var model = new Mgn(resNet, classes: 3);
        var state = model.state_dict();
        foreach (var branch in new[] { "b1", "b2", "b3" })
        {
            Assert.True(weights["layer3.1.conv2.weight"].Equals(state[branch + ".0.0.conv2.weight"]));
            Assert.True(weights["layer3.5.bn3.running_var"].Equals(state[branch + ".0.4.bn3.running_var"]));
            Assert.True(weights["layer4.2.conv1.weight"].Equals(state[branch + ".1.2.conv1.weight"]));
        }
        Assert.True(weights["layer3.0.conv1.weight"].Equals(state["backbone.6.conv1.weight"]));
        Assert.True(weights["conv1.weight"].Equals(state["backbone.0.weight"]));
        Assert.Contains("backbone.5.3.bn3.weight", state.Keys);
        Assert.Contains("b22_head.bottleneck.1.running_mean", state.Keys);
        Assert.Contains("b33_head.pool_layer.p", state.Keys);
        Assert.Equal([3, 256], state["b1_head.weight"].shape);
        using (no_grad()) state["b2.1.2.conv1.weight"].zero_();
        Assert.True(weights["layer4.2.conv1.weight"].Equals(state["b3.1.2.conv1.weight"]));
        using var nonLocal = ResNet.ResNet50(nonLocal: true);
        Assert.StartsWith("resNet must have no non-local blocks, got ResNet50_NL.",
            Assert.Throws<ArgumentException>(() => new Mgn(nonLocal)).Message);
    }

    [Fact]
    public void Training_OnOnePicture_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var pcb = new Pcb(ResNet.ResNet18(), classes: 2);
        Assert.StartsWith("images must be at least 2 while Pcb trains",
            Assert.Throws<ArgumentException>(() => pcb.call(rand(1, 3, 64, 32))).Message);
        using var mgn = new Mgn(ResNet.ResNet18());
        mgn.eval();
        Assert.StartsWith("images must be high enough for three stripes",
            Assert.Throws<ArgumentException>(() => mgn.call(rand(2, 3, 32, 32))).Message);
        Assert.Contains("the map has a height of 4, but it must be 3, or 5 or more",
            Assert.Throws<ArgumentException>(() => mgn.call(rand(2, 3, 64, 32))).Message, StringComparison.Ordinal);
        Assert.StartsWith("images must be [N, 3, H, W]", Assert.Throws<ArgumentException>(() => mgn.call(rand(2, 1, 96, 32))).Message);
    }

    [Fact]
    public void Gradient_ReachesEveryParameter()
    {
        using var scope = NewDisposeScope();
        using var pcb = new Pcb(ResNet.ResNet18(lastStride: 1), classes: 5);
        GradientFlow.ReachesEveryParameter(pcb, () => Sum(pcb.call(rand(4, 3, 96, 32))));
        using var mgn = new Mgn(ResNet.ResNet18(lastStride: 1), classes: 5);
        GradientFlow.ReachesEveryParameter(mgn, () => Sum(mgn.call(rand(4, 3, 96, 32))));

        static Tensor Sum(PartOutput output) =>
            cat([.. output.Features.Append(output.Embedding).Concat(output.Logits).Select(part => part.flatten())]);
    }
}
