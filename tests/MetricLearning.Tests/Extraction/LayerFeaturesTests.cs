using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class LayerFeaturesTests
{
    [Fact]
    public void Of_GivesTheLayersOutput_AndSurvivesInnerScopes()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025(), neck: new BNNeck(128), classes: 3);
        model.eval();
        var images = rand(2, 3, 64, 32);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var features = LayerFeatures.Of(model, images, ["backbone", "pooling", "backbone.conv2.0.gate", "classifier"]);
        Assert.Equal(before + 4, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal([2, 128, 4, 2], features["backbone"].shape);
        Assert.Equal([2, 16, 16, 8], features["backbone.conv2.0.gate"].shape);
        using var noGradient = no_grad();
        var output = model.call(images);
        Assert.True(features["pooling"].Equals(output.Features));
        Assert.True(features["classifier"].Equals(output.Logits!));
        Assert.True(features["backbone"].Equals(model.Backbone.call(images)));
    }

    [Fact]
    public void Of_ALayerBeforeAnInPlaceReLU_GivesItsOwnOutput()
    {
        using var scope = NewDisposeScope();
        using var backbone = ResNet.ResNet18();
        backbone.eval();
        Assert.True(LayerFeatures.Of(backbone, rand(2, 3, 64, 32), "bn1").min().ToDouble() < 0);
    }

    [Fact]
    public void Of_WorksOnASequentialAndWithoutAScope()
    {
        using var model = nn.Sequential(("first", nn.Linear(4, 3)), ("second", nn.ReLU()));
        model.eval();
        using var input = randn(2, 4);
        using var feature = LayerFeatures.Of(model, input, "first");
        Assert.Equal([2, 3], feature.shape);
        Assert.False(feature.IsInvalid);
    }

    [Fact]
    public void Of_AnUnknownLayer_ListsNearNames()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025());
        var error = Assert.Throws<ArgumentException>(() => LayerFeatures.Of(model, rand(2, 3, 64, 32), "conv4"));
        Assert.StartsWith("There is no layer 'conv4'. Near names: backbone.conv4, ", error.Message);
    }

    [Fact]
    public void Of_LeavesNothingToDoForOtherCalls_AlsoWhenTheModelFails()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025());
        model.eval();
        LayerFeatures.Of(model, rand(2, 3, 64, 32), "pooling");
        Assert.Throws<ArgumentException>(() => LayerFeatures.Of(model, rand(2, 3, 5, 5), ["backbone.conv1", "pooling"]));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(rand(2, 3, 64, 32));
        Assert.Equal(before + 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount); // images and features: no hook made a copy
        Assert.True(output.Features.requires_grad);
    }

    [Fact]
    public void Of_ALayerWithTwoNames_GivesItUnderBoth()
    {
        using var scope = NewDisposeScope();
        using var shared = nn.Linear(4, 4);
        using var model = nn.Sequential(("first", shared), ("second", nn.ReLU()), ("third", shared));
        model.eval();
        var input = randn(2, 4);
        var features = LayerFeatures.Of(model, input, ["first", "third"]);
        Assert.NotSame(features["first"], features["third"]);
        Assert.True(features["first"].Equals(features["third"]));
        Assert.True(features["third"].Equals(model.call(input)));
    }

    // A layer reads the features of another model's layers while a model runs. It can use existing hooks, and gets an error if there are
    // none.
    [Fact]
    public void Of_InsideAForwardPass_WorksForAModelThatWasLookedAtBefore()
    {
        using var scope = NewDisposeScope();
        using var teacher = nn.Sequential(("only", nn.Linear(4, 4)));
        teacher.eval();
        using var model = nn.Sequential(("asking", new Asking(teacher)));
        model.eval();
        var input = randn(2, 4);
        Assert.StartsWith("The layers of Sequential cannot get their hooks inside the forward pass",
            Assert.Throws<InvalidOperationException>(() => LayerFeatures.Of(model, input, "asking")).Message);
        var expected = LayerFeatures.Of(teacher, input, "only");
        Assert.True(expected.Equals(LayerFeatures.Of(model, input, "asking")));
    }

    private sealed class Asking(nn.Module<Tensor, Tensor> teacher) : nn.Module<Tensor, Tensor>(nameof(Asking))
    {
        public override Tensor forward(Tensor input) => LayerFeatures.Of(teacher, input, "only");
    }

    [Fact]
    public void Of_ALayerThatDoesNotRun_SaysSo()
    {
        using var scope = NewDisposeScope();
        using var model = new Bypass();
        model.eval();
        var error = Assert.Throws<InvalidOperationException>(() => LayerFeatures.Of(model, rand(2, 4), "unused"));
        Assert.StartsWith("The model did not run the layer 'unused'", error.Message);
    }

    private sealed class Bypass : nn.Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear unused = nn.Linear(4, 4);

        public Bypass() : base(nameof(Bypass)) => RegisterComponents();

        public override Tensor forward(Tensor input) => input.alias();
    }
}
