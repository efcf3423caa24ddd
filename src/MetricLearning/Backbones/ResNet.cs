using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Residual networks of 18, 34 and 50 layers, without the classifier, optionally with a finer last feature map for re-identification.</summary>
/// <remarks>
/// Layers, names and initialisation are torchvision's (<c>conv1, bn1, layer1.0.conv1, layer2.0.downsample.0</c>; in ResNet-50 the 3×3
/// convolution of a block carries the stride), so that its published weights load with <see cref="WeightNames.Torchvision"/>.
/// Convolutions start from Kaiming's normal distribution over fan-out (He et al. 2015), batch norms from 1 and 0.
/// He, Zhang, Ren, Sun, <i>Deep Residual Learning for Image Recognition</i>, CVPR 2016; last stride 1: Luo et al., <i>Bag of
/// Tricks and a Strong Baseline for Deep Person Re-identification</i>, CVPRW 2019.
/// </remarks>
public sealed class ResNet : Backbone
{
    private readonly Conv2d conv1;
    private readonly BatchNorm2d bn1;
    private readonly MaxPool2d maxpool;
    private readonly Sequential layer1;
    private readonly Sequential layer2;
    private readonly Sequential layer3;
    private readonly Sequential layer4;

    private ResNet(string name, int[] blocks, bool bottleneck, int lastStride) : base(name, bottleneck ? 2048 : 512)
    {
        if (lastStride is not (1 or 2)) throw new ArgumentOutOfRangeException(nameof(lastStride), lastStride, "lastStride must be 1 or 2.");
        conv1 = Convolution.Of(3, 64, kernel: 7, stride: 2);
        bn1 = nn.BatchNorm2d(64);
        maxpool = nn.MaxPool2d(3, stride: 2, padding: 1);
        var width = 64L;
        layer1 = Stage(64, blocks[0], 1);
        layer2 = Stage(128, blocks[1], 2);
        layer3 = Stage(256, blocks[2], 2);
        layer4 = Stage(512, blocks[3], lastStride);
        RegisterComponents();

        Sequential Stage(long planes, int count, int stride)
        {
            var stage = new nn.Module<Tensor, Tensor>[count];
            for (var i = 0; i < count; i++)
            {
                var first = i == 0 ? stride : 1;
                stage[i] = bottleneck ? new Bottleneck(width, planes, first) : new BasicBlock(width, planes, first);
                width = bottleneck ? planes * Bottleneck.Expansion : planes;
            }
            return nn.Sequential(stage);
        }
    }

    /// <summary>ResNet-18: 512 channels, 11,176,512 parameters (11,689,512 with ImageNet's classifier).</summary>
    /// <param name="lastStride">Stride of the last stage: 2 as published, 1 for a feature map twice as high and wide.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is not 1 or 2.</exception>
    public static ResNet ResNet18(int lastStride = 2) => new(nameof(ResNet18), [2, 2, 2, 2], bottleneck: false, lastStride);

    /// <summary>ResNet-34: 512 channels, 21,284,672 parameters (21,797,672 with ImageNet's classifier).</summary>
    /// <param name="lastStride">Stride of the last stage: 2 as published, 1 for a feature map twice as high and wide.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is not 1 or 2.</exception>
    public static ResNet ResNet34(int lastStride = 2) => new(nameof(ResNet34), [3, 4, 6, 3], bottleneck: false, lastStride);

    /// <summary>ResNet-50: 2048 channels, 23,508,032 parameters (25,557,032 with ImageNet's classifier).</summary>
    /// <param name="lastStride">Stride of the last stage: 2 as published, 1 for a feature map twice as high and wide.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is not 1 or 2.</exception>
    public static ResNet ResNet50(int lastStride = 2) => new(nameof(ResNet50), [3, 4, 6, 3], bottleneck: true, lastStride);

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images)
    {
        var x = maxpool.call(bn1.call(conv1.call(images)).relu_());
        return layer4.call(layer3.call(layer2.call(layer1.call(x))));
    }

    /// <summary>Two 3×3 convolutions beside a shortcut.</summary>
    private sealed class BasicBlock : nn.Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1;
        private readonly BatchNorm2d bn1;
        private readonly Conv2d conv2;
        private readonly BatchNorm2d bn2;
        private readonly Sequential? downsample;

        public BasicBlock(long width, long planes, int stride) : base(nameof(BasicBlock))
        {
            conv1 = Convolution.Of(width, planes, kernel: 3, stride);
            bn1 = nn.BatchNorm2d(planes);
            conv2 = Convolution.Of(planes, planes, kernel: 3);
            bn2 = nn.BatchNorm2d(planes);
            downsample = Shortcut(width, planes, stride);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = bn1.call(conv1.call(x)).relu_();
            y = bn2.call(conv2.call(y));
            return y.Plus(downsample is null ? x : downsample.call(x)).relu_().MoveToOuterDisposeScope();
        }
    }

    /// <summary>A 3×3 convolution between two 1×1 convolutions that narrow and widen, beside a shortcut.</summary>
    private sealed class Bottleneck : nn.Module<Tensor, Tensor>
    {
        public const int Expansion = 4;

        private readonly Conv2d conv1;
        private readonly BatchNorm2d bn1;
        private readonly Conv2d conv2;
        private readonly BatchNorm2d bn2;
        private readonly Conv2d conv3;
        private readonly BatchNorm2d bn3;
        private readonly Sequential? downsample;

        public Bottleneck(long width, long planes, int stride) : base(nameof(Bottleneck))
        {
            conv1 = Convolution.Of(width, planes, kernel: 1);
            bn1 = nn.BatchNorm2d(planes);
            conv2 = Convolution.Of(planes, planes, kernel: 3, stride);
            bn2 = nn.BatchNorm2d(planes);
            conv3 = Convolution.Of(planes, planes * Expansion, kernel: 1);
            bn3 = nn.BatchNorm2d(planes * Expansion);
            downsample = Shortcut(width, planes * Expansion, stride);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = bn1.call(conv1.call(x)).relu_();
            y = bn2.call(conv2.call(y)).relu_();
            y = bn3.call(conv3.call(y));
            return y.Plus(downsample is null ? x : downsample.call(x)).relu_().MoveToOuterDisposeScope();
        }
    }

    private static Sequential? Shortcut(long width, long outputWidth, int stride) =>
        stride == 1 && width == outputWidth ? null : nn.Sequential(Convolution.Of(width, outputWidth, kernel: 1, stride), nn.BatchNorm2d(outputWidth));
}
