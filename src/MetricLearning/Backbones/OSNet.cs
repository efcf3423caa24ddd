using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>OSNet, a small network for re-identification whose blocks combine several scales, in four widths and three variants.</summary>
/// <remarks>
/// Each block runs four streams of one to four light 3×3 convolutions (receptive fields of 3 to 9 pixels), weighs the channels of each by
/// one shared gate, and sums them. Layers, names and initialization are torchreid's (<c>conv2.0.conv2b.1.conv1.weight</c>, in OSNet-AIN
/// <c>conv2.0.conv2.1.layers.1.conv1.weight</c>), so that its published weights load with <see cref="WeightNames.TorchReId"/>; its last
/// layers (fc and classifier) are <see cref="EmbeddingModel.TorchReId"/>'s. Zhou, Yang, Cavallaro, Xiang, <i>Omni-Scale Feature Learning
/// for Person Re-Identification</i>, ICCV 2019.
/// </remarks>
public sealed class OSNet : Backbone, IGraphLayer
{
    private readonly ConvolutionLayer conv1;
    private readonly MaxPool2d maxpool;
    private readonly Sequential conv2;
    private readonly Sequential? pool2;
    private readonly Sequential conv3;
    private readonly Sequential? pool3;
    private readonly Sequential conv4;
    private readonly ConvolutionLayer conv5;

    // OSNet-AIN's last instance norm sees a map of a sixteenth of the image; it needs two positions to have a variance.
    private OSNet(string width, long[] widths, OSNetVariant variant)
        : base($"OSNet{NameOf(variant)}_{width}", widths[3], variant == OSNetVariant.Ain ? 29 : 13)
    {
        var first = variant == OSNetVariant.Standard ? Norm.Batch : Norm.Instance;
        conv1 = new ConvolutionLayer(3, widths[0], kernel: 7, stride: 2, norm: first);
        maxpool = nn.MaxPool2d(3, stride: 2, padding: 1);
        if (variant == OSNetVariant.Ain)
        {
            conv2 = nn.Sequential(Stage(widths[0], widths[1], BlockNorm.InstanceInside, BlockNorm.InstanceInside));
            pool2 = Halve(widths[1]);
            conv3 = nn.Sequential(Stage(widths[1], widths[2], BlockNorm.BatchInside, BlockNorm.InstanceInside));
            pool3 = Halve(widths[2]);
            conv4 = nn.Sequential(Stage(widths[2], widths[3], BlockNorm.InstanceInside, BlockNorm.BatchInside));
        }
        else
        {
            var norm = variant == OSNetVariant.Ibn ? BlockNorm.InstanceOnSum : BlockNorm.Batch;
            conv2 = nn.Sequential([.. Stage(widths[0], widths[1], norm, norm), Halve(widths[1])]);
            conv3 = nn.Sequential([.. Stage(widths[1], widths[2], BlockNorm.Batch, BlockNorm.Batch), Halve(widths[2])]);
            conv4 = nn.Sequential(Stage(widths[2], widths[3], BlockNorm.Batch, BlockNorm.Batch));
        }
        conv5 = new ConvolutionLayer(widths[3], widths[3]);
        RegisterComponents();

        static nn.Module<Tensor, Tensor>[] Stage(long inputs, long outputs, BlockNorm first, BlockNorm second) =>
            [new OmniScaleBlock(inputs, outputs, first), new OmniScaleBlock(outputs, outputs, second)];

        static Sequential Halve(long width) => nn.Sequential(new ConvolutionLayer(width, width), nn.AvgPool2d(2, stride: 2));
    }

    private enum Norm
    {
        None,
        Batch,
        Instance,
    }

    /// <summary>Which norms a block has. The blocks of OSNet-AIN have other names for their streams, with instance norm or
    /// without.</summary>
    private enum BlockNorm
    {
        Batch,
        InstanceOnSum,
        BatchInside,
        InstanceInside,
    }

    /// <summary>OSNet x0.25: 128 channels.</summary>
    /// <param name="variant">Which norms the network has. Default: batch norm alone.</param>
    /// <exception cref="ArgumentOutOfRangeException">The variant is undefined.</exception>
    public static OSNet X025(OSNetVariant variant = OSNetVariant.Standard) => new("x0_25", [16, 64, 96, 128], variant);

    /// <summary>OSNet x0.5: 256 channels.</summary>
    /// <inheritdoc cref="X025" path="/param"/>
    /// <inheritdoc cref="X025" path="/exception"/>
    public static OSNet X050(OSNetVariant variant = OSNetVariant.Standard) => new("x0_5", [32, 128, 192, 256], variant);

    /// <summary>OSNet x0.75: 384 channels.</summary>
    /// <inheritdoc cref="X025" path="/param"/>
    /// <inheritdoc cref="X025" path="/exception"/>
    public static OSNet X075(OSNetVariant variant = OSNetVariant.Standard) => new("x0_75", [48, 192, 288, 384], variant);

    /// <summary>OSNet x1.0: 512 channels.</summary>
    /// <inheritdoc cref="X025" path="/param"/>
    /// <inheritdoc cref="X025" path="/exception"/>
    public static OSNet X100(OSNetVariant variant = OSNetVariant.Standard) => new("x1_0", [64, 256, 384, 512], variant);

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images)
    {
        var x = conv2.call(maxpool.call(conv1.call(images)));
        if (pool2 is not null) x = pool2.call(x);
        x = conv3.call(x);
        if (pool3 is not null) x = pool3.call(x);
        return conv5.call(conv4.call(x));
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images)
    {
        var x = graph.Run(conv2, graph.Run(maxpool, graph.Run(conv1, images)));
        if (pool2 is not null) x = graph.Run(pool2, x);
        x = graph.Run(conv3, x);
        if (pool3 is not null) x = graph.Run(pool3, x);
        return graph.Run(conv5, graph.Run(conv4, x));
    }

    private static string NameOf(OSNetVariant variant) => Guard.Defined(variant) switch
    {
        OSNetVariant.Ibn => "_IBN",
        OSNetVariant.Ain => "_AIN",
        _ => "",
    };

    /// <summary>Convolution, a norm and, unless it is linear, ReLU.</summary>
    private sealed class ConvolutionLayer : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Conv2d conv;
        private readonly nn.Module<Tensor, Tensor>? bn;
        private readonly bool linear;

        public ConvolutionLayer(long inputs, long outputs, int kernel = 1, int stride = 1, bool linear = false, Norm norm = Norm.Batch)
            : base(nameof(ConvolutionLayer))
        {
            this.linear = linear;
            conv = Convolution.Of(inputs, outputs, kernel, stride);
            bn = norm switch
            {
                Norm.Batch => new SafeBatchNorm(outputs),
                Norm.Instance => nn.InstanceNorm2d(outputs, affine: true),
                _ => null,
            };
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = conv.call(x);
            if (bn is not null) y = bn.call(y);
            return (linear ? y : y.relu_()).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
        {
            var y = graph.Run(conv, x);
            if (bn is not null) y = graph.Run(bn, y);
            return linear ? y : graph.Relu(y);
        }
    }

    /// <summary>A light 3×3 convolution: 1×1 over the channels, then 3×3 within each channel, batch norm and ReLU.</summary>
    private sealed class LightConvolution : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Conv2d conv1;
        private readonly Conv2d conv2;
        private readonly SafeBatchNorm bn;

        public LightConvolution(long width) : base(nameof(LightConvolution))
        {
            conv1 = Convolution.Of(width, width, kernel: 1);
            conv2 = Convolution.Of(width, width, kernel: 3, groups: width);
            bn = new SafeBatchNorm(width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return bn.call(conv2.call(conv1.call(x))).relu_().MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) =>
            graph.Relu(graph.Run(bn, graph.Run(conv2, graph.Run(conv1, x))));
    }

    /// <summary>Multiplies each channel by a weight in (0, 1), which two small layers compute from the channels' means.</summary>
    private sealed class ChannelGate : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private const int Reduction = 16;

        private readonly AdaptiveAvgPool2d global_avgpool;
        private readonly Conv2d fc1;
        private readonly Conv2d fc2;

        public ChannelGate(long width) : base(nameof(ChannelGate))
        {
            global_avgpool = nn.AdaptiveAvgPool2d(1);
            fc1 = Convolution.Of(width, width / Reduction, kernel: 1, bias: true);
            fc2 = Convolution.Of(width / Reduction, width, kernel: 1, bias: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var weights = fc2.call(fc1.call(global_avgpool.call(x)).relu_()).sigmoid();
            return (x * weights).MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) => graph.Multiply(x,
            graph.Sigmoid(graph.Run(fc2, graph.Relu(graph.Run(fc1, graph.Run(global_avgpool, x))))));
    }

    /// <summary>A stream of OSNet-AIN, whose light convolutions are named <c>layers</c>.</summary>
    private sealed class LightStream : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Sequential layers;

        public LightStream(Sequential layers) : base(nameof(LightStream))
        {
            this.layers = layers;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => layers.call(x);

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x) => graph.Run(layers, x);
    }

    /// <summary>Four streams of growing depth, gated and summed, between two 1×1 convolutions, with a shortcut.</summary>
    private sealed class OmniScaleBlock : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly ConvolutionLayer conv1;
        private readonly LightConvolution? conv2a;
        private readonly Sequential? conv2b;
        private readonly Sequential? conv2c;
        private readonly Sequential? conv2d;
        private readonly ModuleList<LightStream>? conv2;
        private readonly ChannelGate gate;
        private readonly ConvolutionLayer conv3;
        private readonly ConvolutionLayer? downsample;
        private readonly InstanceNorm2d? IN;
        private readonly bool inside;
        private readonly nn.Module<Tensor, Tensor>[] streams;

        public OmniScaleBlock(long inputs, long outputs, BlockNorm norm) : base(nameof(OmniScaleBlock))
        {
            var width = outputs / 4;
            conv1 = new ConvolutionLayer(inputs, width);
            if (norm is BlockNorm.Batch or BlockNorm.InstanceOnSum)
                streams = [conv2a = new LightConvolution(width), conv2b = Stream(2), conv2c = Stream(3), conv2d = Stream(4)];
            else
                streams = [.. conv2 = new([.. Enumerable.Range(1, 4).Select(depth => new LightStream(Stream(depth)))])];
            gate = new ChannelGate(width);
            inside = norm == BlockNorm.InstanceInside;
            conv3 = new ConvolutionLayer(width, outputs, linear: true, norm: inside ? Norm.None : Norm.Batch);
            downsample = inputs == outputs ? null : new ConvolutionLayer(inputs, outputs, linear: true);
            if (inside || norm == BlockNorm.InstanceOnSum) IN = nn.InstanceNorm2d(outputs, affine: true);
            RegisterComponents();

            Sequential Stream(int depth) =>
                nn.Sequential(Enumerable.Range(0, depth).Select(_ => (nn.Module<Tensor, Tensor>)new LightConvolution(width)));
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var narrow = conv1.call(x);
            var sum = gate.call(streams[0].call(narrow));
            foreach (var stream in streams[1..]) sum = sum.Plus(gate.call(stream.call(narrow)));
            var y = conv3.call(sum);
            if (inside) y = IN!.call(y);
            y = y.Plus(downsample is null ? x : downsample.call(x));
            if (!inside && IN is not null) y = IN.call(y);
            return y.relu_().MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
        {
            var narrow = graph.Run(conv1, x);
            var sum = graph.Run(gate, graph.Run(streams[0], narrow));
            foreach (var stream in streams[1..]) sum = graph.Add(sum, graph.Run(gate, graph.Run(stream, narrow)));
            var y = graph.Run(conv3, sum);
            if (inside) y = graph.Run(IN!, y);
            y = graph.Add(y, downsample is null ? x : graph.Run(downsample, x));
            if (!inside && IN is not null) y = graph.Run(IN, y);
            return graph.Relu(y);
        }
    }
}
