using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class EmbeddingModelTests
{
    [Fact]
    public void Forward_WithBNNeck_GivesThreeOutputs()
    {
        using var scope = NewDisposeScope();
        using var model = Strong(classes: 7);
        var images = rand(4, 3, 64, 32);
        var output = model.call(images);
        Assert.Equal([4, 128], output.Features.shape);
        Assert.Equal([4, 128], output.Embedding.shape);
        Assert.Equal([4, 7], output.Logits!.shape);
        Assert.NotSame(output.Features, output.Embedding);
        Assert.Equal(128, model.EmbeddingDimension);
        // The embedding is the neck's output for the features, and the logits are the classifier's output for the embedding.
        Assert.InRange(output.Embedding.mean([0]).abs().max().ToDouble(), 0, 1e-4);
        Assert.InRange((output.Logits - output.Embedding.matmul(model.state_dict()["classifier.weight"].t())).abs().max().ToDouble(), 0,
            1e-5);
    }

    [Fact]
    public void Classifier_HasABiasOnlyWithoutNeck_AndStartsAsPublished()
    {
        manual_seed(3);
        using var strong = Strong(classes: 500);
        using var plain = EmbeddingModel.TorchReId(OSNet.X025(), 500);
        using var scope = NewDisposeScope();
        Assert.False(strong.state_dict().ContainsKey("classifier.bias"));
        Assert.Equal(0, plain.state_dict()["classifier.bias"].abs().max().ToDouble());
        Assert.Equal(0.001, strong.state_dict()["classifier.weight"].std().ToDouble(), 2e-5);
        Assert.Equal(0.01, plain.state_dict()["classifier.weight"].std().ToDouble(), 2e-4);
    }

    [Fact]
    public void Forward_WithoutNeckAndClassifier_GivesFeaturesAsEmbedding()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025());
        var output = model.call(rand(2, 3, 64, 32));
        Assert.Same(output.Features, output.Embedding);
        Assert.Null(output.Logits);
    }

    [Fact]
    public void Backward_ReachesEveryTrainableParameter_AndNoFrozenOne()
    {
        using var scope = NewDisposeScope();
        using var model = Strong(classes: 7);
        // The weights are drawn anew, because the published start of the classifier is so near zero that gradients vanish in float32.
        using (no_grad()) model.state_dict()["classifier.weight"].normal_();
        nn.functional.cross_entropy(model.call(rand(4, 3, 64, 32)).Logits!, arange(4)).backward();
        foreach (var (name, parameter) in model.named_parameters())
            if (name == "neck.bn.bias") Assert.Null(parameter.grad);
            else
            {
                // The gates of the narrow network have one or two hidden units, and ReLU may set all of them to zero.
                var atLeast = name.Contains(".gate.", StringComparison.Ordinal) ? 0 : double.Epsilon;
                Assert.True(parameter.grad is { } gradient && gradient.abs().max().ToDouble() >= atLeast, $"{name} has no gradient");
            }
    }

    [Fact]
    public void Loop_LeavesOnlyOutputs()
    {
        using var model = Strong(classes: 7);
        using var images = rand(2, 3, 64, 32);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var step = 1; step <= 3; step++)
        {
            using var output = model.call(images);
            Assert.Equal(before + 3, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
        model.eval();
        using var embedding = model.Embed(images);
        Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Embed_IsRepeatable_AndWithoutGradient()
    {
        using var scope = NewDisposeScope();
        using var model = Strong(classes: 7);
        model.eval();
        var images = rand(2, 3, 64, 32);
        var first = model.Embed(images);
        Assert.True(first.Equals(model.Embed(images)));
        Assert.False(first.requires_grad);
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void Output_IsDisposedWithAllItsTensors_AndTwiceDoesNothing()
    {
        using var model = new EmbeddingModel(OSNet.X025());         // without a neck: features and embedding are one tensor
        using var images = rand(2, 3, 64, 32);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var output = model.call(images);
        output.Dispose();
        output.Dispose();
        Assert.True(output.Features.IsInvalid);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Embed_DoesNotDependOnTheRestOfTheBatch()
    {
        using var scope = NewDisposeScope();
        using var model = Strong(classes: 0);
        model.eval();
        var images = rand(3, 3, 64, 32);
        var together = model.Embed(images);
        for (var i = 0; i < 3; i++) Assert.InRange((together[i] - model.Embed(images.narrow(0, i, 1))[0]).abs().max().ToDouble(), 0, 1e-5);
    }

    [Fact]
    public void StateDict_OfOneModelMakesAnotherGiveTheSame()
    {
        using var scope = NewDisposeScope();
        using var one = Strong(classes: 7);
        using var other = Strong(classes: 7);
        one.call(rand(4, 3, 64, 32));
        one.eval();
        other.eval();
        var images = rand(2, 3, 64, 32);
        Assert.False(one.Embed(images).Equals(other.Embed(images)));
        other.load_state_dict(one.state_dict());
        Assert.True(one.Embed(images).Equals(other.Embed(images)));
    }

    [Theory]
    [InlineData(ScalarType.Float64, 1e-4)]
    [InlineData(ScalarType.BFloat16, 0.3)]
    public void Models_RunInOtherPrecisions(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes: 7);
        var images = rand(4, 3, 64, 32);
        model.eval();
        var expected = model.call(images);
        model.to(type);
        Assert.Equal(ScalarType.Int64, model.state_dict()["neck.bn.num_batches_tracked"].dtype);
        var actual = model.call(images.to(type));
        Assert.Equal(type, actual.Embedding.dtype);
        Assert.Equal(type, actual.Logits!.dtype);
        var scale = expected.Embedding.abs().max().ToDouble();
        Assert.InRange((actual.Embedding.to(ScalarType.Float32) - expected.Embedding).abs().max().ToDouble() / scale, 0, tolerance);
        model.train();
        model.call(images.to(type)).Logits!.sum().backward();
    }

    [Fact]
    public void Model_MadeAndConvertedInAScope_OutlivesIt()
    {
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        EmbeddingModel model;
        using (NewDisposeScope())
        {
            model = Strong(classes: 7);
            model.to(ScalarType.Float64);
            model.call(rand([2, 3, 64, 32], ScalarType.Float64)).Logits!.sum().backward();
        }
        using (NewDisposeScope())
        {
            model.call(rand([2, 3, 64, 32], ScalarType.Float64)).Logits!.sum().backward();
            Assert.All(model.state_dict().Values, tensor => Assert.False(tensor.IsInvalid));
        }
        model.Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Parts_ThatDoNotFit_AreRefused()
    {
        using var backbone = OSNet.X025();
        using var neck = new BNNeck(512);
        Assert.Contains("features must be 512 wide, got 128.", Assert.Throws<ArgumentException>(
            () => new EmbeddingModel(backbone, neck: neck)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new EmbeddingModel(backbone, classes: -1));
    }

    [Fact]
    public void Training_OverfitsAFewImages()
    {
        manual_seed(1);
        using var scope = NewDisposeScope();
        using var model = Strong(classes: 4);
        using var optimizer = optim.Adam(model.parameters(), lr: 3e-3);
        var images = rand(8, 3, 32, 16);
        var labels = arange(8) % 4;
        double first = 0, last = 0;
        for (var step = 0; step < 15; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.zero_grad();
            var loss = nn.functional.cross_entropy(model.call(images).Logits!, labels);
            loss.backward();
            optimizer.step();
            last = loss.ToDouble();
            if (step == 0) first = last;
        }
        Assert.True(last < first / 2, $"the loss went from {first} to {last}");
    }

    private static EmbeddingModel Strong(int classes) => new(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes);
}
