using System.Globalization;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>MGN, the multiple granularity network: three branches of one trunk look at the whole map, at two stripes and at three stripes
/// of it.</summary>
/// <remarks>
/// <code>
/// images → backbone ┬ b1 → the whole
///                   ├ b2 → the whole, 2 stripes         each → pooling → 1×1 convolution → batch norm → 256 numbers → class scores
///                   └ b3 → the whole, 3 stripes
/// </code>
/// It follows fast-reid, so that its weights load with <see cref="WeightNames.FastReIdMgn"/>. The trunk is the ResNet up to the first block
/// of its third stage. The branches are the rest; <c>b2</c> and <c>b3</c> have a last stage of stride 1. <see cref="PartOutput.Features"/>
/// are the whole of b1, of b2 and of b3, the stripes of b2 side by side, and the stripes of b3 side by side.
/// <see cref="PartOutput.Logits"/> are those of b1, b2, b21, b22, b3, b31, b32, b33. The embedding is the three wholes, followed by the
/// stripes. Classifiers have no bias and start from N(0, 0.01). Wang, Yuan, Chen, Li, Zhou, <i>Learning Discriminative Features with
/// Multiple Granularities for Person Re-Identification</i>, ACM MM 2018.
/// </remarks>
public sealed class Mgn : PartModel, IGraphModel
{
    private readonly ImageLayout layout;
    private readonly Sequential backbone;
    private readonly Sequential b1;
    private readonly Head b1_head;
    private readonly Sequential b2;
    private readonly Head b2_head;
    private readonly Head b21_head;
    private readonly Head b22_head;
    private readonly Sequential b3;
    private readonly Head b3_head;
    private readonly Head b31_head;
    private readonly Head b32_head;
    private readonly Head b33_head;
    private readonly long reducedDimension;

    /// <summary>Sets up the model from a ResNet, whose layers it takes over and copies into the branches, with the weights that they
    /// have.</summary>
    /// <param name="resNet">The network. The model takes over its layers: do not use it afterwards.</param>
    /// <param name="classes">The number of classes C (identities) of each classifier; 0 for a model without classifiers. Default:
    /// 0.</param>
    /// <param name="reducedDimension">The length of each part's feature. Default: 256.</param>
    /// <param name="pooling">Makes the pooling of each head; null for <see cref="GeMPooling"/>.</param>
    /// <exception cref="ArgumentNullException">The network is null.</exception>
    /// <exception cref="ArgumentException">The network has non-local blocks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is negative, or the dimension is less than 1.</exception>
    public Mgn(ResNet resNet, long classes = 0, long reducedDimension = 256, Func<Pooling>? pooling = null) : base(nameof(Mgn), classes)
    {
        ArgumentNullException.ThrowIfNull(resNet);
        if (resNet.HasNonLocalBlocks)
            throw new ArgumentException($"resNet must have no non-local blocks, got {resNet.GetName()}.", nameof(resNet));
        this.reducedDimension = Guard.AtLeast(reducedDimension, 1);
        pooling ??= () => new GeMPooling();
        backbone = resNet.UpToThirdStage;
        b2 = resNet.CopyOfLastStages(stride: 1);
        b3 = resNet.CopyOfLastStages(stride: 1);
        b1 = resNet.LastStages;
        b1_head = Head();
        b2_head = Head();
        b21_head = Head();
        b22_head = Head();
        b3_head = Head();
        b31_head = Head();
        b32_head = Head();
        b33_head = Head();
        layout = new(this);
        RegisterComponents();

        Head Head() => new(resNet.Channels, reducedDimension, classes, pooling());
    }

    /// <inheritdoc/>
    public override long EmbeddingDimension => 8 * reducedDimension;

    /// <inheritdoc/>
    protected override PartOutput Parts(Tensor images)
    {
        new ImageRequirements(GetName(), Channels: 3, MinimumSize: 1, parameters().First()).Require(images);
        var trunk = backbone.call(layout.Apply(images));
        Tensor map1 = b1.call(trunk), map2 = b2.call(trunk), map3 = b3.call(trunk);
        Tensor[] halves = map2.chunk(2, 2), thirds = map3.chunk(3, 2);
        if (thirds.Length < 3)
            throw new ArgumentException(
                $"images must be high enough for three stripes, got {Guard.Shape(images)}: {Rows(map3.size(2))}.", nameof(images));

        var whole1 = b1_head.call(map1);
        var (whole2, half1, half2) = (b2_head.call(map2), b21_head.call(halves[0]), b22_head.call(halves[1]));
        var whole3 = b3_head.call(map3);
        var (third1, third2, third3) = (b31_head.call(thirds[0]), b32_head.call(thirds[1]), b33_head.call(thirds[2]));
        Tensor[] wholes = [whole1, whole2, whole3], twos = [half1, half2], threes = [third1, third2, third3];
        return new PartOutput(
            [.. wholes, cat(twos, 1), cat(threes, 1)],
            cat([.. wholes, .. twos, .. threes], 1),
            Classes == 0 ? [] :
            [
                b1_head.Logits(whole1), b2_head.Logits(whole2), b21_head.Logits(half1), b22_head.Logits(half2),
                b3_head.Logits(whole3), b31_head.Logits(third1), b32_head.Logits(third2), b33_head.Logits(third3),
            ]);
    }

    IReadOnlyList<KeyValuePair<string, GraphValue>> IGraphModel.Describe(NetworkGraph graph, GraphValue images)
    {
        var trunk = graph.Run(backbone, images);
        GraphValue map1 = graph.Run(b1, trunk), map2 = graph.Run(b2, trunk), map3 = graph.Run(b3, trunk);
        List<GraphValue> halves = Chunks(map2, 2), thirds = Chunks(map3, 3);
        if (thirds.Count < 3)
            throw graph.Unsupported($"its images must be high enough for three stripes: {Rows(graph.Size(map3, 2))}");

        var whole1 = graph.Run(b1_head, map1);
        var (whole2, half1, half2) = (graph.Run(b2_head, map2), graph.Run(b21_head, halves[0]), graph.Run(b22_head, halves[1]));
        var whole3 = graph.Run(b3_head, map3);
        var (third1, third2, third3) =
            (graph.Run(b31_head, thirds[0]), graph.Run(b32_head, thirds[1]), graph.Run(b33_head, thirds[2]));
        GraphValue[] wholes = [whole1, whole2, whole3], twos = [half1, half2], threes = [third1, third2, third3];
        return Outputs(
            graph.Concatenate([.. wholes, .. twos, .. threes], 1),
            [.. wholes, graph.Concatenate(twos, 1), graph.Concatenate(threes, 1)],
            Classes == 0 ? [] :
            [
                b1_head.Logits(graph, whole1), b2_head.Logits(graph, whole2), b21_head.Logits(graph, half1),
                b22_head.Logits(graph, half2), b3_head.Logits(graph, whole3), b31_head.Logits(graph, third1),
                b32_head.Logits(graph, third2), b33_head.Logits(graph, third3),
            ]);

        // Cuts the height as PyTorch's <c>chunk</c> does: all stripes have one size, rounded up, except the last, which has the rest.
        List<GraphValue> Chunks(GraphValue map, int count)
        {
            var height = graph.Size(map, 2);
            var size = (height + count - 1) / count;
            var chunks = new List<GraphValue>();
            for (long start = 0; start < height; start += size)
                chunks.Add(graph.Slice(map, 2, start, Math.Min(size, height - start)));
            return chunks;
        }
    }

    /// <summary>Says which heights of the map have three stripes. With 4 rows, <c>chunk</c> makes two stripes of 2 rows.</summary>
    private static string Rows(long rows) =>
        string.Create(CultureInfo.InvariantCulture, $"the map has a height of {rows}, but it must be 3, or 5 or more");

    /// <summary>Pooling, a 1×1 convolution without bias, and a batch norm with a frozen bias. The class weights are separate.</summary>
    private sealed class Head : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Pooling pool_layer;
        private readonly Sequential bottleneck;
        private readonly Parameter? weight;

        public Head(long inputs, long outputs, long classes, Pooling pooling) : base(nameof(Head))
        {
            pool_layer = pooling;
            var norm = new SafeBatchNorm(outputs);
            norm.bias!.requires_grad_(false);
            bottleneck = nn.Sequential(Convolution.Of(pooling.OutputDimension(inputs), outputs, kernel: 1), norm);
            if (classes > 0) weight = nn.Parameter(nn.init.normal_(empty(classes, outputs), 0, 0.01));
            RegisterComponents();
        }

        public override Tensor forward(Tensor map)
        {
            using var scope = NewDisposeScope();
            return bottleneck.call(pool_layer.call(map).unsqueeze(2).unsqueeze(3)).flatten(1).MoveToOuterDisposeScope();
        }

        public Tensor Logits(Tensor feature) => feature.matmul(weight!.t());

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue map)
        {
            var pooled = graph.Run(pool_layer, map);
            var feature = graph.Run(bottleneck, graph.Reshape(pooled, 0, graph.Size(pooled, 1), 1, 1));
            return graph.Reshape(feature, 0, graph.Size(feature, 1));
        }

        public GraphValue Logits(NetworkGraph graph, GraphValue feature) =>
            graph.Linear(feature, graph.Weight(this, nameof(weight)), null);
    }
}
