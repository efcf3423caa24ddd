using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>OSNet, a small network for re-identification whose blocks see several scales at once, in four widths.</summary>
/// <remarks>
/// Each block runs four streams of one to four light 3×3 convolutions (fields of 3 to 9 pixels) and sums them behind one shared gate
/// of channels. Layers, names and initialisation are torchreid's (<c>conv2.0.conv2b.1.conv1.weight</c>), so that its published weights
/// load with <see cref="WeightNames.TorchReId"/>; its last layers (fc and classifier) are <see cref="EmbeddingModel.TorchReId"/>'s.
/// Zhou, Yang, Cavallaro, Xiang, <i>Omni-Scale Feature Learning for Person Re-Identification</i>, ICCV 2019.
/// </remarks>
public sealed class OSNet : Backbone
{
    private readonly ConvolutionLayer conv1;
    private readonly MaxPool2d maxpool;
    private readonly Sequential conv2;
    private readonly Sequential conv3;
    private readonly Sequential conv4;
    private readonly ConvolutionLayer conv5;

    private OSNet(string name, long[] widths) : base(name, widths[3], minimumSize: 13)
    {
        conv1 = new ConvolutionLayer(3, widths[0], kernel: 7, stride: 2);
        maxpool = nn.MaxPool2d(3, stride: 2, padding: 1);
        conv2 = Stage(widths[0], widths[1], halve: true);
        conv3 = Stage(widths[1], widths[2], halve: true);
        conv4 = Stage(widths[2], widths[3], halve: false);
        conv5 = new ConvolutionLayer(widths[3], widths[3]);
        RegisterComponents();

        static Sequential Stage(long inputs, long outputs, bool halve)
        {
            var first = new OmniScaleBlock(inputs, outputs);
            var second = new OmniScaleBlock(outputs, outputs);
            return halve
                ? nn.Sequential(first, second, nn.Sequential(new ConvolutionLayer(outputs, outputs), nn.AvgPool2d(2, stride: 2)))
                : nn.Sequential(first, second);
        }
    }

    /// <summary>OSNet x0.25: 128 channels.</summary>
    public static OSNet X025() => new("OSNet_x0_25", [16, 64, 96, 128]);

    /// <summary>OSNet x0.5: 256 channels.</summary>
    public static OSNet X050() => new("OSNet_x0_5", [32, 128, 192, 256]);

    /// <summary>OSNet x0.75: 384 channels.</summary>
    public static OSNet X075() => new("OSNet_x0_75", [48, 192, 288, 384]);

    /// <summary>OSNet x1.0: 512 channels.</summary>
    public static OSNet X100() => new("OSNet_x1_0", [64, 256, 384, 512]);

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images) =>
        conv5.call(conv4.call(conv3.call(conv2.call(maxpool.call(conv1.call(images))))));

    /// <summary>Convolution, batch norm and, if wanted, ReLU.</summary>
    private sealed class ConvolutionLayer : nn.Module<Tensor, Tensor>
    {
        private readonly Conv2d conv;
        private readonly BatchNorm2d bn;
        private readonly bool linear;

        public ConvolutionLayer(long inputs, long outputs, int kernel = 1, int stride = 1, bool linear = false) : base(nameof(ConvolutionLayer))
        {
            this.linear = linear;
            conv = Convolution.Of(inputs, outputs, kernel, stride);
            bn = nn.BatchNorm2d(outputs);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = bn.call(conv.call(x));
            return (linear ? y : y.relu_()).MoveToOuterDisposeScope();
        }
    }

    /// <summary>A light 3×3 convolution: 1×1 over the channels, then 3×3 within each channel, batch norm and ReLU.</summary>
    private sealed class LightConvolution : nn.Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1;
        private readonly Conv2d conv2;
        private readonly BatchNorm2d bn;

        public LightConvolution(long width) : base(nameof(LightConvolution))
        {
            conv1 = Convolution.Of(width, width, kernel: 1);
            conv2 = Convolution.Of(width, width, kernel: 3, groups: width);
            bn = nn.BatchNorm2d(width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            return bn.call(conv2.call(conv1.call(x))).relu_().MoveToOuterDisposeScope();
        }
    }

    /// <summary>Weighs each channel by a number in (0, 1) that two small layers make of the channels' means.</summary>
    private sealed class ChannelGate : nn.Module<Tensor, Tensor>
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
    }

    /// <summary>Four streams of growing depth, gated and summed, between two 1×1 convolutions and beside a shortcut.</summary>
    private sealed class OmniScaleBlock : nn.Module<Tensor, Tensor>
    {
        private readonly ConvolutionLayer conv1;
        private readonly LightConvolution conv2a;
        private readonly Sequential conv2b;
        private readonly Sequential conv2c;
        private readonly Sequential conv2d;
        private readonly ChannelGate gate;
        private readonly ConvolutionLayer conv3;
        private readonly ConvolutionLayer? downsample;

        public OmniScaleBlock(long inputs, long outputs) : base(nameof(OmniScaleBlock))
        {
            var width = outputs / 4;
            conv1 = new ConvolutionLayer(inputs, width);
            conv2a = new LightConvolution(width);
            conv2b = Stream(2);
            conv2c = Stream(3);
            conv2d = Stream(4);
            gate = new ChannelGate(width);
            conv3 = new ConvolutionLayer(width, outputs, linear: true);
            downsample = inputs == outputs ? null : new ConvolutionLayer(inputs, outputs, linear: true);
            RegisterComponents();

            Sequential Stream(int depth) =>
                nn.Sequential(Enumerable.Range(0, depth).Select(_ => (nn.Module<Tensor, Tensor>)new LightConvolution(width)));
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var narrow = conv1.call(x);
            var sum = gate.call(conv2a.call(narrow)).Plus(gate.call(conv2b.call(narrow)))
                .Plus(gate.call(conv2c.call(narrow))).Plus(gate.call(conv2d.call(narrow)));
            var y = conv3.call(sum);
            return y.Plus(downsample is null ? x : downsample.call(x)).relu_().MoveToOuterDisposeScope();
        }
    }
}
