using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class ModelSummaryTests
{
    [Fact]
    public void Of_ListsLayersShapesAndParameters()
    {
        using var model = new EmbeddingModel(ResNet.ResNet18(lastStride: 1), new GeMPooling(), new BNNeck(512), classes: 10);
        model.eval();
        var summary = ModelSummary.Of(model, [2, 3, 128, 64]);

        Assert.Equal(11_176_512 + 1 + 1024 + 5120, summary.Parameters);
        Assert.Equal(512, summary.FrozenParameters);
        Assert.Equal(summary.Parameters * 4, summary.ParameterBytes);
        Assert.Equal(2 * 3 * 128 * 64 * 4, summary.InputBytes);
        var byName = summary.Layers.ToDictionary(layer => layer.Name);
        Assert.Equal([2, 512, 8, 4], byName["backbone"].OutputShapes.Single());
        Assert.Equal([2, 64, 64, 32], byName["backbone.conv1"].OutputShapes.Single());
        Assert.Equal(9408, byName["backbone.conv1"].Parameters);
        Assert.Equal("Conv2d", byName["backbone.conv1"].Type);
        Assert.Equal(2L * 64 * 64 * 32 * 3 * 49, byName["backbone.conv1"].MultiplyAdds);
        Assert.Equal(2 * 512 * 10, byName["classifier"].MultiplyAdds);
        Assert.Equal(summary.MultiplyAdds, byName["backbone"].MultiplyAdds + byName["classifier"].MultiplyAdds);
        Assert.Equal("ResNet18", byName["backbone"].Type);
        Assert.Equal([[2, 512], [2, 512], [2, 10]], byName[""].OutputShapes);
        Assert.Equal(4, byName["backbone.layer1.0.conv1"].Depth);
        Assert.Equal(model.named_modules().Count(named => named.name.Length > 0) + 1, summary.Layers.Count);
    }

    [Fact]
    public void ToString_ReadsLikeKeras()
    {
        using var model = new EmbeddingModel(OSNet.X025(), neck: new BNNeck(128), classes: 3);
        const string Expected = """
            Layer (type)                      Output shape              Parameters  Multiply-adds
            -------------------------------------------------------------------------------------
            EmbeddingModel                    [1, 128] [1, 128] [1, 3]     135,432     82,249,728
              backbone (OSNet_x0_25)          [1, 128, 16, 8]              134,792     82,249,344
              pooling (GlobalAveragePooling)  [1, 128]                           0              0
              neck (BNNeck)                   [1, 128]                         256              0
              classifier (Linear)             [1, 3]                           384            384
            -------------------------------------------------------------------------------------
            Input [1, 3, 256, 128]
            Parameters 135,432: 135,304 trainable, 128 frozen
            Multiply-adds 82,249,728
            """;
        model.eval();
        var text = ModelSummary.Of(model, [1, 3, 256, 128], depth: 1).ToString();
        Assert.StartsWith(Expected, text);
        Assert.Matches(@"\nSize: parameters 0\.52 MiB, buffers 0\.0\d MiB, input 0\.38 MiB, layers' outputs \d+\.\d\d MiB$", text);
    }

    [Fact]
    public void Of_LeavesTheModelAsItWas()
    {
        using var model = new EmbeddingModel(OSNet.X025(), neck: new BNNeck(128));
        using var scope = NewDisposeScope();
        var mean = model.state_dict()["neck.bn.running_mean"].clone();
        using (new EvaluationMode(model)) ModelSummary.Of(model, [1, 3, 64, 32]);
        Assert.True(model.training);
        Assert.True(model.Backbone.training);
        Assert.True(mean.Equals(model.state_dict()["neck.bn.running_mean"]));
    }

    [Fact]
    public void Of_CanceledMidway_StopsAtTheNextLayer_AndLeavesNoTensor()
    {
        using var model = new EmbeddingModel(OSNet.X025());
        model.eval();
        using var source = new CancellationTokenSource();
        var layersAfter = 0;
        var layers = model.Backbone.named_modules().Select(part => part.module).OfType<nn.Module<Tensor, Tensor>>().ToArray();
        layers[0].register_forward_hook((_, _, output) =>
        {
            source.Cancel();
            return output;
        });
        layers[^1].register_forward_hook((_, _, output) =>
        {
            layersAfter++;
            return output;
        });
        var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Throws<OperationCanceledException>(() => ModelSummary.Of(model, [1, 3, 64, 32], cancellationToken: source.Token));
        Assert.Equal((0, live), (layersAfter, DisposeScopeManager.Statistics.ThreadTotalLiveCount));
        Assert.NotEmpty(ModelSummary.Of(model, [1, 3, 64, 32], cancellationToken: CancellationToken.None).Layers);
        Assert.Equal(1, layersAfter);
    }

    [Fact]
    public void Of_AnInputThatDoesNotFit_Throws()
    {
        using var model = new EmbeddingModel(OSNet.X025());
        model.eval();
        Assert.Throws<ArgumentOutOfRangeException>(() => ModelSummary.Of(model, [-1, 3, 64, 32]));
        Assert.Throws<ArgumentException>(() => ModelSummary.Of(model, [1, 1, 64, 32]));
        Assert.Throws<ArgumentOutOfRangeException>(() => ModelSummary.Of(model, [1, 3, 64, 32], depth: -1));
    }
}
