using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that every layer of the library describes itself as a graph.</summary>
public class DescriptionTests
{
    [Fact]
    public void EveryBackbonePoolingAndNeck_DescribesItself()
    {
        var layers = Types(typeof(Backbone)).Concat(Types(typeof(Pooling))).Concat(Types(typeof(Neck))).ToList();
        Assert.True(layers.Count >= 12, $"only {layers.Count} layers were found");
        Assert.Empty(layers.Where(type => !type.IsAssignableTo(typeof(IGraphLayer))).Select(type => type.Name));
    }

    [Fact]
    public void EveryModel_DescribesItself()
    {
        var models = typeof(EmbeddingModel).Assembly.GetTypes().Where(type => type is { IsAbstract: false, IsPublic: true }
            && (type.IsAssignableTo(typeof(nn.Module<Tensor, ModelOutput>)) || type.IsAssignableTo(typeof(nn.Module<Tensor, PartOutput>))
                || type.IsAssignableTo(typeof(nn.Module<Tensor, Tensor?, PartOutput>)))).ToList();
        Assert.Equal(4, models.Count);
        Assert.Empty(models.Where(type => !type.IsAssignableTo(typeof(IGraphModel))).Select(type => type.Name));
    }

    [Fact]
    public void EveryLayerInsideABackboneOrModel_DescribesItself()
    {
        var inner = typeof(Backbone).Assembly.GetTypes().Where(type => type is { IsAbstract: false, IsPublic: false }
            && type.IsAssignableTo(typeof(nn.Module<Tensor, Tensor>))).ToList();
        Assert.NotEmpty(inner);
        Assert.Empty(inner.Where(type => !type.IsAssignableTo(typeof(IGraphLayer))).Select(type => type.FullName));
    }

    private static IEnumerable<Type> Types(Type family) =>
        family.Assembly.GetTypes().Where(type => !type.IsAbstract && type.IsAssignableTo(family));
}
