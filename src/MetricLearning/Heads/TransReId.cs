using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>TransReID: a vision transformer with side information and the jigsaw patch module (JPM), which processes shuffled groups of
/// patches.</summary>
/// <remarks>
/// <code>
/// images, side → base (all blocks but the last) ┬ b1 (last block, norm) → class token → the whole
///                                               └ patches, shifted and shuffled, in 4 groups, each behind the class token
///                                                 → b2 (last block, norm) → class token
/// </code>
/// <para>The whole and each group go through a <see cref="BNNeck"/> (<c>bottleneck</c>, <c>bottleneck_1</c> ...) to a classifier without
/// bias, which starts from N(0, 0.001). <see cref="PartOutput.Features"/> are taken before the necks. The embedding is the whole, followed
/// by the groups, each divided by the number of groups. Without the jigsaw there is only the global feature, from the last block of the
/// base model. With the jigsaw the constructor copies the last block and norm of the base into <c>b1</c> and <c>b2</c>, and those of the
/// base are not used: load ImageNet's weights into the transformer before you call the constructor. Names are TransReID's; its checkpoints
/// load with <see cref="WeightNames.TransReId"/>. He, Luo, Wang, Wang, Li, Jiang, <i>TransReID: Transformer-based Object
/// Re-Identification</i>, ICCV 2021.</para>
/// <para>Thread safety: in evaluation mode any number of threads may embed at once. Training, loading weights, moving the model and
/// switching its mode are for one thread, while no other uses the model.</para>
/// </remarks>
public sealed class TransReId : nn.Module<Tensor, Tensor?, PartOutput>, IGraphModel
{
    private readonly VisionTransformer @base;
    private readonly Sequential? b1;
    private readonly Sequential? b2;
    private readonly BNNeck[] necks;
    private readonly Linear[] classifiers;
    private readonly int groups;
    private readonly int shift;
    private readonly int shuffleGroups;
    private readonly bool embedBehindNeck;

    /// <summary>Sets up the model, which owns the transformer.</summary>
    /// <param name="transformer">The transformer, with or without side information.</param>
    /// <param name="classes">The number of classes C (identities) of each classifier; 0 for a model without classifiers. Default:
    /// 0.</param>
    /// <param name="groups">The number of groups of patches in the jigsaw; 0 for no jigsaw. Default: 4.</param>
    /// <param name="shift">The patch, counted from 1, that comes first before the shuffle; the patches before it move to the end. Default:
    /// 5.</param>
    /// <param name="shuffleGroups">The number of runs into which the patches are cut; the shuffle takes one patch from each run in turn.
    /// Default: 2.</param>
    /// <param name="embedBehindNeck">Whether the embedding is taken after the necks. TransReID's published results take it before them.
    /// Default: before.</param>
    /// <exception cref="ArgumentNullException">The transformer is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes or groups is negative, or the shift or the number of runs is
    /// less than 1.</exception>
    public TransReId(VisionTransformer transformer, long classes = 0, int groups = 4, int shift = 5, int shuffleGroups = 2,
        bool embedBehindNeck = false) : base(nameof(TransReId))
    {
        ArgumentNullException.ThrowIfNull(transformer);
        @base = transformer;
        Classes = Guard.AtLeast(classes, 0);
        this.groups = Guard.AtLeast(groups, 0);
        this.shift = Guard.AtLeast(shift, 1);
        this.shuffleGroups = Guard.AtLeast(shuffleGroups, 1);
        this.embedBehindNeck = embedBehindNeck;
        if (groups > 0)
        {
            b1 = transformer.CopyOfLastBlock();
            b2 = transformer.CopyOfLastBlock();
        }
        RegisterComponents();
        necks = [.. Enumerable.Range(0, 1 + groups).Select(_ => new BNNeck(transformer.Channels))];
        classifiers = [.. Enumerable.Range(0, classes > 0 ? 1 + groups : 0).Select(_ => Classifier(transformer.Channels, classes))];
        for (var i = 0; i <= groups; i++) register_module(i == 0 ? "bottleneck" : $"bottleneck_{i}", necks[i]);
        for (var i = 0; i < classifiers.Length; i++) register_module(i == 0 ? "classifier" : $"classifier_{i}", classifiers[i]);
    }

    /// <summary>The number of classes C (identities) of each classifier; 0 without classifiers.</summary>
    public long Classes { get; }

    /// <summary>The length of <see cref="PartOutput.Embedding"/>.</summary>
    public long EmbeddingDimension => (1 + groups) * @base.Channels;

    /// <summary>Computes features, embedding and logits of a batch of images.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <param name="side">int64 [N], each image's side information; null if the transformer was made without.</param>
    /// <returns>The tensors, which the caller disposes.</returns>
    /// <exception cref="ArgumentException">The images or their side information do not fit, there are fewer patches than groups, the
    /// patches cannot be cut into equal runs, or batch norm would train on one image; the message says which.</exception>
    public override PartOutput forward(Tensor images, Tensor? side)
    {
        Guard.InUse(this);
        using var scope = NewDisposeScope();
        Tensor[] features = groups == 0 ? [@base.Tokens(images, side).select(1, 0)] : Jigsaw(@base.TokensBeforeLastBlock(images, side));
        Tensor[] behind = [.. features.Select((feature, i) => necks[i].call(feature))];
        var embedded = embedBehindNeck ? behind : features;
        var embedding = cat([.. embedded.Select((feature, i) => i == 0 ? feature : feature / S(groups))], 1);
        return new PartOutput(features, embedding, [.. classifiers.Select((layer, i) => layer.call(behind[i]))]).MoveToOuter(scope);
    }

    /// <summary>Computes only the embeddings, without gradient, as they are compared at test time. The model must be in evaluation
    /// mode.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <param name="side">int64 [N], each image's side information; null if the transformer was made without.</param>
    /// <returns>[N, <see cref="EmbeddingDimension"/>]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit; the message says why.</exception>
    /// <exception cref="InvalidOperationException">A module is in training mode; the message names it and says what to do.</exception>
    public Tensor Embed(Tensor images, Tensor? side = null)
    {
        EvaluationMode.Require(this);
        using var pass = LayerTaps.BeginPass();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return call(images, side).Embedding.MoveToOuterDisposeScope();
    }

    IReadOnlyList<KeyValuePair<string, GraphValue>> IGraphModel.Describe(NetworkGraph graph, GraphValue images)
    {
        var side = @base.Sides > 0 ? graph.SideInformation() : null;
        GraphValue[] features = groups == 0 ? [graph.Select(@base.DescribeTokens(graph, images, side), 1, 0)]
            : Jigsaw(graph, @base.DescribeTokensBeforeLastBlock(graph, images, side));
        GraphValue[] behind = [.. features.Select((feature, i) => graph.Run(necks[i], feature))];
        var embedded = embedBehindNeck ? behind : features;
        var embedding = graph.Concatenate(
            [.. embedded.Select((feature, i) => i == 0 ? feature : graph.Divide(feature, graph.Constant(groups)))], 1);
        return PartModel.Outputs(embedding, features, [.. classifiers.Select((layer, i) => graph.Run(layer, behind[i]))]);
    }

    private GraphValue[] Jigsaw(NetworkGraph graph, GraphValue tokens)
    {
        var count = graph.Size(tokens, 1) - 1;
        var size = count / groups;
        if (size == 0) throw graph.Unsupported($"its images must have at least {groups} patches, one for each group, got {count}");
        using var scope = NewDisposeScope();
        var order = Shuffle(Iota(1 + count).reshape(1, -1, 1), shift, shuffleGroups).reshape(-1);
        var patches = graph.Gather(tokens, graph.Constant(order), 1);
        var token = graph.Slice(tokens, 1, 0, 1);
        return
        [
            graph.Select(graph.Run(b1!, tokens), 1, 0),
            .. Enumerable.Range(0, groups).Select(i =>
                graph.Select(graph.Run(b2!, graph.Concatenate([token, graph.Slice(patches, 1, i * size, size)], 1)), 1, 0)),
        ];
    }

    private Tensor[] Jigsaw(Tensor tokens)
    {
        var patches = Shuffle(tokens, shift, shuffleGroups);
        var size = (tokens.size(1) - 1) / groups;
        if (size == 0)
            throw new ArgumentException($"images must have at least {groups} patches, one for each group, got {tokens.size(1) - 1}.");
        var token = tokens.narrow(1, 0, 1);
        return
        [
            b1!.call(tokens).select(1, 0),
            .. Enumerable.Range(0, groups).Select(i => b2!.call(cat([token, patches.narrow(1, i * size, size)], 1)).select(1, 0)),
        ];
    }

    /// <summary>Moves the patches before the shift to the end, cuts the patches into runs, and takes one patch from each run in turn. If
    /// the runs are one patch short of equal length, the last patch but one occurs twice, as published.</summary>
    internal static Tensor Shuffle(Tensor tokens, long shift, long shuffleGroups)
    {
        var count = tokens.size(1) - 1;
        if (shift > count || (count % shuffleGroups != 0 && (count < 2 || (count + 1) % shuffleGroups != 0)))
            throw new ArgumentException(
                $"images must have a number of patches of at least {shift} that {shuffleGroups} divides, or almost (one patch short), got "
                    + $"{count}.");
        var shifted = cat([tokens.narrow(1, shift, count + 1 - shift), tokens.narrow(1, 1, shift - 1)], 1);
        if (count % shuffleGroups != 0) shifted = cat([shifted, shifted.narrow(1, count - 2, 1)], 1);
        return shifted.reshape(tokens.size(0), shuffleGroups, -1, tokens.size(2)).transpose(1, 2)
            .reshape(tokens.size(0), -1, tokens.size(2));
    }

    private static Linear Classifier(long dimension, long classes)
    {
        var linear = nn.Linear(dimension, classes, hasBias: false);
        nn.init.normal_(linear.weight, 0, 0.001);
        return linear;
    }
}
