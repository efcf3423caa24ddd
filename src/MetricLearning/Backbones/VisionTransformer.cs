using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>The vision transformer with patches of 16 × 16 pixels, without the classifier, with the options that re-identification
/// uses.</summary>
/// <remarks>
/// <para>Layers and names are timm's (<c>cls_token, pos_embed, patch_embed.proj, blocks.0.attn.qkv, norm</c>), so that the weights of ViT
/// and DeiT load with <see cref="WeightNames.Timm"/>. Linear layers and embeddings start from N(0, 0.02), layer norms (ε 1e-6) from 1 and
/// 0.</para>
/// <para>Patches overlap if the stride is less than 16. Position embeddings belong to one image size: published ones of a square grid are
/// interpolated to the network's grid when they are loaded, and the network's own are interpolated to the grid of an image of another size
/// in the forward pass. Side information (a camera, a view) is an embedding that is multiplied by a scale and added to all tokens: see
/// <see cref="Tokens"/>.</para>
/// Dosovitskiy et al., <i>An Image is Worth 16×16 Words</i>, ICLR 2021; Touvron et al., <i>Training data-efficient image transformers</i>,
/// ICML 2021; He, Luo, Wang, Wang, Li, Jiang, <i>TransReID: Transformer-based Object Re-Identification</i>, ICCV 2021.
/// </remarks>
public sealed class VisionTransformer : Backbone, IResizesWeights, IGraphLayer
{
    private const int Patch = 16;
    private const int Depth = 12;
    private const string Positions = nameof(pos_embed);

    private readonly PatchEmbedding patch_embed;
    private readonly Parameter cls_token;
    private readonly Parameter pos_embed;
    private readonly Parameter? sie_embed;
    private readonly ModuleList<TransformerBlock> blocks;
    private readonly LayerNorm norm;

    private readonly int heads;
    private readonly int stride;
    private readonly double sideScale;
    private readonly double dropPath;
    private readonly TransformerFeature feature;
    private readonly PositionInterpolation interpolation;
    private readonly (long Rows, long Columns) grid;

    private VisionTransformer(string name, long dimension, int heads, long height, long width, int stride, long sides,
        double sideScale, double dropPath, TransformerFeature feature, PositionInterpolation interpolation)
            : base(name, dimension, minimumSize: Patch)
    {
        Guard.AtLeast(height, Patch);
        Guard.AtLeast(width, Patch);
        if (stride is < 1 or > Patch) throw new ArgumentOutOfRangeException(nameof(stride), stride, $"stride must be in [1, {Patch}].");
        this.heads = heads;
        this.stride = stride;
        Sides = Guard.AtLeast(sides, 0);
        this.sideScale = Guard.Finite(sideScale);
        this.dropPath = Guard.Within(dropPath, 0, 0.99);
        this.feature = Guard.Defined(feature);
        this.interpolation = Guard.Defined(interpolation);
        grid = GridOf(height, width);
        patch_embed = new PatchEmbedding(dimension, stride);
        cls_token = Embedding(1, 1, dimension);
        pos_embed = Embedding(1, 1 + grid.Rows * grid.Columns, dimension);
        if (sides > 0) sie_embed = Embedding(sides, 1, dimension);
        blocks = new ModuleList<TransformerBlock>([.. Enumerable.Range(0, Depth).Select(Block)]);
        norm = TransformerBlock.Norm(dimension);
        RegisterComponents();

        static Parameter Embedding(params long[] shape) => nn.Parameter(nn.init.normal_(empty(shape), 0, 0.02));
    }

    /// <summary>ViT-Ti/16 (DeiT-tiny): tokens of length 192, 3 heads, 5,524,416 parameters (5,717,416 with ImageNet's
    /// classifier).</summary>
    /// <param name="height">The image height in pixels for which positions are learned. Default: 224.</param>
    /// <param name="width">The image width in pixels for which positions are learned. Default: 224.</param>
    /// <param name="stride">The distance in pixels from one patch to the next: 16 as published; 12 in TransReID, so that patches overlap.
    /// Default: 16.</param>
    /// <param name="sides">The number of kinds of side information: cameras, views, or cameras × views; 0 for none. Default: 0.</param>
    /// <param name="sideScale">The factor on the side information's embedding. Default: 3, as in TransReID.</param>
    /// <param name="dropPath">Stochastic depth: the probability that, in training, a sample skips the attention of the last block, and
    /// likewise its perceptron. From the first block to the last it grows linearly from 0. TransReID uses 0.1. Default: 0.</param>
    /// <param name="feature">Which tokens become the feature map. Default: the class token.</param>
    /// <param name="interpolation">How positions are interpolated for images of another size. Default: bicubic.</param>
    /// <exception cref="ArgumentOutOfRangeException">The height or width is less than 16, the stride is not in [1, 16],
    /// <paramref name="sides"/> is negative, <paramref name="sideScale"/> is not finite, <paramref name="dropPath"/> is not in [0, 0.99],
    /// or an option is undefined.</exception>
    public static VisionTransformer Tiny(long height = 224, long width = 224, int stride = Patch, long sides = 0,
        double sideScale = 3, double dropPath = 0, TransformerFeature feature = TransformerFeature.ClassToken,
        PositionInterpolation interpolation = PositionInterpolation.Bicubic) =>
        new("ViT_Ti_16", 192, 3, height, width, stride, sides, sideScale, dropPath, feature, interpolation);

    /// <summary>ViT-S/16 (DeiT-small): tokens of length 384, 6 heads, 21,665,664 parameters (22,050,664 with ImageNet's
    /// classifier).</summary>
    /// <inheritdoc cref="Tiny" path="/param"/>
    /// <inheritdoc cref="Tiny" path="/exception"/>
    public static VisionTransformer Small(long height = 224, long width = 224, int stride = Patch, long sides = 0,
        double sideScale = 3, double dropPath = 0, TransformerFeature feature = TransformerFeature.ClassToken,
        PositionInterpolation interpolation = PositionInterpolation.Bicubic) =>
        new("ViT_S_16", 384, 6, height, width, stride, sides, sideScale, dropPath, feature, interpolation);

    /// <summary>ViT-B/16 (DeiT-base): tokens of length 768, 12 heads, 85,798,656 parameters (86,567,656 with ImageNet's
    /// classifier).</summary>
    /// <inheritdoc cref="Tiny" path="/param"/>
    /// <inheritdoc cref="Tiny" path="/exception"/>
    public static VisionTransformer Base(long height = 224, long width = 224, int stride = Patch, long sides = 0,
        double sideScale = 3, double dropPath = 0, TransformerFeature feature = TransformerFeature.ClassToken,
        PositionInterpolation interpolation = PositionInterpolation.Bicubic) =>
        new("ViT_B_16", 768, 12, height, width, stride, sides, sideScale, dropPath, feature, interpolation);

    /// <summary>The number of kinds of side information; 0 for none.</summary>
    public long Sides { get; }

    /// <summary>Computes the tokens after the last layer norm: the class token, then the patches row by row.</summary>
    /// <param name="images">[N, 3, H, W], of the type and on the device of the weights.</param>
    /// <param name="side">int64 [N], each image's side information in [0, <see cref="Sides"/>): its camera, its view, or camera · views +
    /// view. Null if the network was made without side information.</param>
    /// <returns>[N, 1 + patches, <see cref="Backbone.Channels"/>]. The caller disposes it.</returns>
    /// <exception cref="ArgumentException">The images do not fit, or side information is missing or not expected; the message says
    /// which.</exception>
    public Tensor Tokens(Tensor images, Tensor? side = null)
    {
        using var scope = NewDisposeScope();
        return norm.call(Run(images, side, Depth)).MoveToOuterDisposeScope();
    }

    /// <summary>The input of the last block.</summary>
    internal Tensor TokensBeforeLastBlock(Tensor images, Tensor? side) => Run(images, side, Depth - 1);

    /// <summary>A copy of the last block and of the last norm, named as in TransReID: 0 and 1.</summary>
    internal Sequential CopyOfLastBlock()
    {
        var (block, last) = (Block(Depth - 1), TransformerBlock.Norm(Channels));
        StateCopy.Copy(blocks[Depth - 1], block);
        StateCopy.Copy(norm, last);
        return nn.Sequential(block, last);
    }

    /// <summary>The rows and columns of patches in an image.</summary>
    internal (long Rows, long Columns) GridOf(long height, long width) => ((height - Patch) / stride + 1, (width - Patch) / stride + 1);

    Tensor? IResizesWeights.Resize(string name, Tensor stored)
    {
        if (name != Positions || stored.dim() != 3 || stored.size(0) != 1 || stored.size(2) != Channels) return null;
        var side = (long)Math.Sqrt(stored.size(1) - 1);
        return side >= 1 && side * side == stored.size(1) - 1
            ? PositionGrid.Resize(stored.to(ScalarType.Float32), (side, side), grid, interpolation) : null;
    }

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images)
    {
        var tokens = norm.call(Run(images, null, Depth));
        if (feature == TransformerFeature.ClassToken) return tokens.narrow(1, 0, 1).transpose(1, 2).unsqueeze(3);
        var (rows, columns) = GridOf(images.size(2), images.size(3));
        return tokens.narrow(1, 1, rows * columns).transpose(1, 2).reshape(images.size(0), Channels, rows, columns);
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images)
    {
        if (Sides > 0) throw graph.Unsupported("it needs side information: put it into a model that takes it, such as TransReId");
        var tokens = DescribeTokens(graph, images, null);
        if (feature == TransformerFeature.ClassToken)
            return graph.Reshape(graph.Transpose(graph.Slice(tokens, 1, 0, 1), 0, 2, 1), 0, Channels, 1, 1);
        var (rows, columns) = GridOf(graph.Size(images, 2), graph.Size(images, 3));
        return graph.Reshape(graph.Transpose(graph.Slice(tokens, 1, 1, rows * columns), 0, 2, 1), 0, Channels, rows, columns);
    }

    /// <summary><see cref="Tokens"/> in a graph.</summary>
    internal GraphValue DescribeTokens(NetworkGraph graph, GraphValue images, GraphValue? side) =>
        graph.Run(norm, DescribeBlocks(graph, images, side, Depth));

    /// <summary><see cref="TokensBeforeLastBlock"/> in a graph.</summary>
    internal GraphValue DescribeTokensBeforeLastBlock(NetworkGraph graph, GraphValue images, GraphValue? side) =>
        DescribeBlocks(graph, images, side, Depth - 1);

    private GraphValue DescribeBlocks(NetworkGraph graph, GraphValue images, GraphValue? side, int depth)
    {
        var positions = PositionsOf(graph, images);
        var patches = graph.Run(patch_embed, images);
        var token = graph.Repeat(graph.Weight(this, nameof(cls_token)), patches);
        var x = graph.Add(graph.Concatenate([token, patches], 1), positions);
        if (side is not null)
            x = graph.Add(x, graph.Multiply(graph.Gather(graph.Weight(this, nameof(sie_embed)), side, 0), graph.Constant(sideScale)));
        for (var i = 0; i < depth; i++) x = graph.Run(blocks[i], x);
        return x;
    }

    private GraphValue PositionsOf(NetworkGraph graph, GraphValue images)
    {
        var wanted = GridOf(graph.Size(images, 2), graph.Size(images, 3));
        if (wanted == grid) return graph.Weight(this, Positions);
        using var scope = NewDisposeScope();
        return graph.Constant(PositionGrid.Resize(pos_embed.detach(), grid, wanted, interpolation));
    }

    private Tensor Run(Tensor images, Tensor? side, int depth)
    {
        Check(images);
        if ((side is null) == (Sides > 0))
            throw new ArgumentException(Sides > 0
                ? $"side must say for each image which of {Sides} kinds it is, because {GetName()} was made with side information."
                : $"side must be null, because {GetName()} was made without side information.", nameof(side));
        using var scope = NewDisposeScope();
        if (side is not null)
        {
            side = Guard.Labels(side, images.size(0));
            Guard.InRange(side, Sides);
        }
        var patches = patch_embed.call(images);
        var x = cat([cls_token.expand(patches.size(0), -1, -1), patches], 1).Plus(PositionsOf(images));
        if (side is not null) x = x.Plus(sie_embed![side] * S(sideScale));
        for (var i = 0; i < depth; i++) x = blocks[i].call(x);
        return x.MoveToOuterDisposeScope();
    }

    private Tensor PositionsOf(Tensor images)
    {
        var wanted = GridOf(images.size(2), images.size(3));
        return wanted == grid ? pos_embed : PositionGrid.Resize(pos_embed, grid, wanted, interpolation);
    }

    private TransformerBlock Block(int place) => new(Channels, heads, dropPath * place / (Depth - 1));

    /// <summary>Computes the token of each patch, by a convolution.</summary>
    private sealed class PatchEmbedding : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Conv2d proj;

        public PatchEmbedding(long dimension, int stride) : base(nameof(PatchEmbedding))
        {
            proj = Convolution.Plain(3, dimension, Patch, stride);
            RegisterComponents();
        }

        public override Tensor forward(Tensor images)
        {
            using var scope = NewDisposeScope();
            return proj.call(images).flatten(2).transpose(1, 2).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images)
        {
            var map = graph.Run(proj, images);
            return graph.Transpose(graph.Reshape(map, 0, graph.Size(map, 1), graph.Size(map, 2) * graph.Size(map, 3)), 0, 2, 1);
        }
    }
}
