using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>MobileNetV2: inverted residual blocks with linear bottlenecks, without the classifier.</summary>
/// <remarks>
/// Layers, names and initialization are torchvision's (<c>features.1.conv.0.0</c>); torchreid's weights load with
/// <see cref="WeightNames.TorchReIdMobileNetV2"/>. At width 1 it has 2,223,872 parameters (3,504,872 with ImageNet's classifier). Sandler,
/// Howard, Zhu, Zhmoginov, Chen, <i>MobileNetV2: Inverted Residuals and Linear Bottlenecks</i>, CVPR 2018.
/// </remarks>
public sealed class MobileNetV2 : Backbone, IGraphLayer
{
    // For each stage: the factor by which its blocks widen, its channels, its number of blocks, and the stride of the first block.
    private static readonly (int Widen, int Channels, int Blocks, int Stride)[] stages =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

    private readonly Sequential features;

    /// <summary>Sets up the network.</summary>
    /// <param name="width">The factor on the paper's numbers of channels. Published weights have width 1, and torchreid's also 1.4.
    /// Default: 1.</param>
    /// <param name="dialect">Which project's network is built. Default: torchvision's.</param>
    /// <exception cref="ArgumentOutOfRangeException">The width is not a finite number of at least 1/16, or the dialect is
    /// undefined.</exception>
    public MobileNetV2(double width = 1, MobileNetV2Dialect dialect = MobileNetV2Dialect.Torchvision)
        : base(FormattableString.Invariant($"MobileNetV2_x{width:0.0#}"), Math.Max(1280, Scaled(1280, width, dialect)))
    {
        var inputs = Scaled(32, width, dialect);
        var layers = new List<nn.Module<Tensor, Tensor>> { Layer(3, inputs, kernel: 3, stride: 2) };
        foreach (var (widen, channels, blocks, stride) in stages)
            for (var i = 0; i < blocks; i++)
            {
                var outputs = Scaled(channels, width, dialect);
                layers.Add(new InvertedResidual(inputs, outputs, i == 0 ? stride : 1, widen,
                    widens: widen > 1 || dialect == MobileNetV2Dialect.TorchReId));
                inputs = outputs;
            }
        layers.Add(Layer(inputs, Channels, kernel: 1));
        features = nn.Sequential(layers);
        RegisterComponents();
    }

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images) => features.call(images);

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images) => graph.Run(features, images);

    private static long Scaled(int channels, double width, MobileNetV2Dialect dialect)
    {
        var exact = channels * (double.IsFinite(width) && width >= 1.0 / 16 ? width
            : throw new ArgumentOutOfRangeException(nameof(width), width, "width must be a finite number of at least 1/16."));
        if (Guard.Defined(dialect) == MobileNetV2Dialect.TorchReId) return (long)exact;
        var rounded = Math.Max(8, (long)(exact + 4) / 8 * 8);
        return rounded < 0.9 * exact ? rounded + 8 : rounded;
    }

    /// <summary>Convolution, batch norm and ReLU6, named 0, 1 and 2.</summary>
    private static Sequential Layer(long inputs, long outputs, int kernel, int stride = 1, long groups = 1) =>
        nn.Sequential(Convolution.Of(inputs, outputs, kernel, stride, groups), new SafeBatchNorm(outputs), nn.ReLU6());

    /// <summary>A 1×1 convolution that widens, a 3×3 convolution within each channel, and a linear 1×1 convolution that narrows; with a
    /// shortcut if input and output have the same shape.</summary>
    private sealed class InvertedResidual : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Sequential conv;
        private readonly bool shortcut;

        public InvertedResidual(long inputs, long outputs, int stride, int widen, bool widens) : base(nameof(InvertedResidual))
        {
            shortcut = stride == 1 && inputs == outputs;
            var wide = inputs * widen;
            var layers = new List<nn.Module<Tensor, Tensor>>();
            if (widens) layers.Add(Layer(inputs, wide, kernel: 1));
            layers.AddRange(
                [Layer(wide, wide, kernel: 3, stride, groups: wide), Convolution.Of(wide, outputs, kernel: 1), new SafeBatchNorm(outputs)]);
            conv = nn.Sequential(layers);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = conv.call(x);
            return (shortcut ? y.Plus(x) : y).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
        {
            var y = graph.Run(conv, x);
            return shortcut ? graph.Add(y, x) : y;
        }
    }
}
