using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>PCB, the part-based convolutional baseline: it averages the map in horizontal stripes and classifies each stripe by
/// itself.</summary>
/// <remarks>
/// <code>
/// images → backbone → average of each stripe (→ dropout) → v          v of all stripes, each of length 1 → Features, Embedding
///                                                        v → conv5 (1×1, batch norm, ReLU) → classifier of the stripe → Logits
/// </code>
/// It follows torchreid (<c>pcb_p6</c>, <c>pcb_p4</c>: ResNet-50 of last stride 1), so that its weights load with
/// <see cref="WeightNames.TorchReIdPcb"/>. The embedding lists the channels one after another, and for each channel the values of its
/// stripes. Convolutions start from Kaiming's normal distribution over fan-out, classifiers from N(0, 0.01) and bias 0. The model owns the
/// backbone. Sun, Zheng, Yang, Tian, Wang, <i>Beyond Part Models: Person Retrieval with Refined Part Pooling</i>, ECCV 2018.
/// </remarks>
public sealed class Pcb : PartModel, IGraphModel
{
    private readonly Backbone backbone;
    private readonly AdaptiveAvgPool2d parts_avgpool;
    private readonly Dropout dropout;
    private readonly Reduction conv5;
    private readonly ModuleList<Linear>? classifier;
    private readonly int parts;

    /// <summary>Sets up the model.</summary>
    /// <param name="backbone">The network that turns images into a map, such as <c>ResNet.ResNet50(lastStride: 1)</c>.</param>
    /// <param name="classes">The number of classes C (identities) of each classifier; 0 for a model without classifiers. Default:
    /// 0.</param>
    /// <param name="parts">The number of horizontal stripes. Default: 6.</param>
    /// <param name="reducedDimension">The length of the input of each classifier. Default: 256.</param>
    /// <exception cref="ArgumentNullException">The backbone is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is negative, or the number of stripes or the dimension is less
    /// than 1.</exception>
    public Pcb(Backbone backbone, long classes = 0, int parts = 6, long reducedDimension = 256) : base(nameof(Pcb), classes)
    {
        ArgumentNullException.ThrowIfNull(backbone);
        this.backbone = backbone;
        this.parts = Guard.AtLeast(parts, 1);
        parts_avgpool = nn.AdaptiveAvgPool2d([parts, 1]);
        dropout = nn.Dropout(0.5);
        conv5 = new Reduction(backbone.Channels, Guard.AtLeast(reducedDimension, 1));
        if (classes > 0) classifier = new([.. Enumerable.Range(0, parts).Select(_ => Classifier(reducedDimension, classes))]);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override long EmbeddingDimension => backbone.Channels * parts;

    /// <inheritdoc/>
    protected override PartOutput Parts(Tensor images)
    {
        var stripes = dropout.call(parts_avgpool.call(backbone.call(images)));
        var embedding = RowMath.Normalized(stripes, dim: 1).flatten(1);
        if (classifier is null) return new PartOutput([embedding], embedding, []);
        var reduced = conv5.call(stripes).squeeze(3);
        return new PartOutput([embedding], embedding, [.. classifier.Select((layer, part) => layer.call(reduced.select(2, part)))]);
    }

    IReadOnlyList<KeyValuePair<string, GraphValue>> IGraphModel.Describe(NetworkGraph graph, GraphValue images)
    {
        var stripes = graph.Run(parts_avgpool, graph.Run(backbone, images));
        var embedding = graph.Reshape(graph.Normalize(stripes, axis: 1, epsilon: 1e-12), 0, EmbeddingDimension);
        if (classifier is null) return Outputs(embedding, [embedding], []);
        var reduced = graph.Select(graph.Run(conv5, stripes), axis: 3, index: 0);
        return Outputs(embedding, [embedding],
            [.. classifier.Select((layer, part) => graph.Run(layer, graph.Select(reduced, axis: 2, part)))]);
    }

    private static Linear Classifier(long dimension, long classes)
    {
        var linear = nn.Linear(dimension, classes);
        nn.init.normal_(linear.weight, 0, 0.01);
        nn.init.zeros_(linear.bias);
        return linear;
    }

    /// <summary>1×1 convolution, batch norm and ReLU, named <c>layers</c>.</summary>
    private sealed class Reduction : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Sequential layers;

        public Reduction(long inputs, long outputs) : base(nameof(Reduction))
        {
            layers = nn.Sequential(Convolution.Of(inputs, outputs, kernel: 1), new SafeBatchNorm(outputs), nn.ReLU());
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => layers.call(x);

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) => graph.Run(layers, x);
    }
}
