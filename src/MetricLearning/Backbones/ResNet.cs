using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MetricLearning;

/// <summary>Residual networks of 18, 34, 50, 101 and 152 layers, without the classifier, with the options that re-identification
/// uses.</summary>
/// <remarks>
/// Layers, names and initialization are torchvision's (<c>conv1, bn1, layer1.0.conv1, layer2.0.downsample.0</c>; in the deeper ones the 3×3
/// convolution of a block carries the stride), IBN-Net's (<c>bn1.IN, bn1.BN, IN</c>) and fast-reid's (<c>se.fc.0, NL_2.0.theta</c>), so
/// that their published weights load: see <see cref="WeightNames"/>. Convolutions start from Kaiming's normal distribution over fan-out (He
/// et al. 2015), norms from 1 and 0. He, Zhang, Ren, Sun, <i>Deep Residual Learning for Image Recognition</i>, CVPR 2016; last stride 1:
/// Luo et al., <i>Bag of Tricks and a Strong Baseline for Deep Person Re-identification</i>, CVPRW 2019.
/// </remarks>
public sealed class ResNet : Backbone, IGraphLayer
{
    private readonly Conv2d conv1;
    private readonly nn.Module<Tensor, Tensor> bn1;
    private readonly MaxPool2d maxpool;
    private readonly Sequential layer1;
    private readonly Sequential layer2;
    private readonly Sequential layer3;
    private readonly Sequential layer4;
    private readonly ModuleList<NonLocalBlock>? NL_2;
    private readonly ModuleList<NonLocalBlock>? NL_3;
    private readonly Plan plan;

    private sealed record Plan(string Name, int[] Blocks, bool Bottleneck, int LastStride,
        InstanceBatchNorm Ibn, bool SqueezeExcitation, ResNetStem Stem, int[]? NonLocal = null)
    {
        public int Expansion => Bottleneck ? 4 : 1;

        public override string ToString() =>
            (SqueezeExcitation ? "SE_" : "") + Name + Ibn switch { InstanceBatchNorm.A => "_IBN_a", InstanceBatchNorm.B => "_IBN_b",
                _ => "" }
            + (NonLocal is null ? "" : "_NL");
    }

    // Instance norm needs two positions to have a variance, in the third stage (a sixteenth of the image) or in the second (an eighth).
    // A pooling without padding needs two positions to give one.
    private ResNet(Plan plan)
        : base(plan.ToString(), 512 * plan.Expansion, plan.Ibn switch
        {
            InstanceBatchNorm.A => 17,
            InstanceBatchNorm.B => 9,
            _ => plan.Stem == ResNetStem.FastReId ? 3 : 1,
        })
    {
        Guard.Within(plan.LastStride, 1, 2, "lastStride");
        Guard.Defined(plan.Ibn, "ibn");
        Guard.Defined(plan.Stem, "stem");
        this.plan = plan;
        conv1 = Convolution.Of(3, 64, kernel: 7, stride: 2);
        bn1 = plan.Ibn == InstanceBatchNorm.B ? nn.InstanceNorm2d(64, affine: true) : new SafeBatchNorm(64);
        maxpool = plan.Stem == ResNetStem.FastReId ? nn.MaxPool2d(3, stride: 2, ceil_mode: true) : nn.MaxPool2d(3, stride: 2, padding: 1);
        layer1 = nn.Sequential(Stage(1, stride: 1));
        layer2 = nn.Sequential(Stage(2, stride: 2));
        layer3 = nn.Sequential(Stage(3, stride: 2));
        layer4 = nn.Sequential(Stage(4, plan.LastStride));
        if (plan.NonLocal is [var second, var third])
        {
            NL_2 = new ModuleList<NonLocalBlock>([.. Enumerable.Range(0, second).Select(_ => new NonLocalBlock(128 * plan.Expansion))]);
            NL_3 = new ModuleList<NonLocalBlock>([.. Enumerable.Range(0, third).Select(_ => new NonLocalBlock(256 * plan.Expansion))]);
        }
        RegisterComponents();
    }

    /// <summary>ResNet-18: 512 channels, 11,176,512 parameters (11,689,512 with ImageNet's classifier).</summary>
    /// <inheritdoc cref="ResNet50" path="/param[not(@name='nonLocal')]"/>
    /// <inheritdoc cref="ResNet50" path="/exception"/>
    public static ResNet ResNet18(int lastStride = 2, InstanceBatchNorm ibn = InstanceBatchNorm.None, bool squeezeExcitation = false,
        ResNetStem stem = ResNetStem.Torchvision) =>
        new(new Plan(nameof(ResNet18), [2, 2, 2, 2], Bottleneck: false, lastStride, ibn, squeezeExcitation, stem));

    /// <summary>ResNet-18 as Microsoft trained it with CNTK, with a third block in the last stage: 512 channels, 15,897,152
    /// parameters.</summary>
    /// <remarks>Its ImageNet weights are in the package <c>Microsoft.ML.DnnImageFeaturizer.ResNet18</c> as an ONNX file, and load with
    /// <c>OnnxFile.LoadWeightsInOrder</c> of MetricLearning.Onnx. It takes images in the order blue, green, red, with values up to 255,
    /// minus a mean image.</remarks>
    /// <param name="lastStride">The stride of the last stage: 2 as published, 1 for a feature map twice as high and wide. Default:
    /// 2.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is not 1 or 2.</exception>
    public static ResNet CntkResNet18(int lastStride = 2) =>
        new(new Plan(nameof(CntkResNet18), [2, 2, 2, 3], Bottleneck: false, lastStride, InstanceBatchNorm.None, SqueezeExcitation: false,
            ResNetStem.Torchvision));

    /// <summary>ResNet-34: 512 channels, 21,284,672 parameters (21,797,672 with ImageNet's classifier).</summary>
    /// <inheritdoc cref="ResNet50" path="/param[not(@name='nonLocal')]"/>
    /// <inheritdoc cref="ResNet50" path="/exception"/>
    public static ResNet ResNet34(int lastStride = 2, InstanceBatchNorm ibn = InstanceBatchNorm.None, bool squeezeExcitation = false,
        ResNetStem stem = ResNetStem.Torchvision) =>
        new(new Plan(nameof(ResNet34), [3, 4, 6, 3], Bottleneck: false, lastStride, ibn, squeezeExcitation, stem));

    /// <summary>ResNet-50: 2048 channels, 23,508,032 parameters (25,557,032 with ImageNet's classifier).</summary>
    /// <param name="lastStride">The stride of the last stage: 2 as published, 1 for a feature map twice as high and wide. Default:
    /// 2.</param>
    /// <param name="ibn">Where instance norm is used besides batch norm. Default: nowhere.</param>
    /// <param name="squeezeExcitation">Whether each block weighs its channels by their means over the image (Hu et al., CVPR 2018;
    /// reduction 16). Default: no.</param>
    /// <param name="stem">Which published network's first layers are used. Default: torchvision's.</param>
    /// <param name="nonLocal">Whether non-local blocks follow the last 2 blocks of the second stage and the last 3 (in ResNet-101: 9) of
    /// the third, as in AGW and fast-reid. Default: no.</param>
    /// <exception cref="ArgumentOutOfRangeException">The stride is not 1 or 2, or an option is undefined.</exception>
    public static ResNet ResNet50(
        int lastStride = 2, InstanceBatchNorm ibn = InstanceBatchNorm.None, bool squeezeExcitation = false,
        ResNetStem stem = ResNetStem.Torchvision, bool nonLocal = false) =>
        new(new Plan(nameof(ResNet50), [3, 4, 6, 3], Bottleneck: true, lastStride, ibn, squeezeExcitation, stem, nonLocal ? [2, 3] : null));

    /// <summary>ResNet-101: 2048 channels, 42,500,160 parameters (44,549,160 with ImageNet's classifier).</summary>
    /// <inheritdoc cref="ResNet50" path="/param"/>
    /// <inheritdoc cref="ResNet50" path="/exception"/>
    public static ResNet ResNet101(
        int lastStride = 2, InstanceBatchNorm ibn = InstanceBatchNorm.None, bool squeezeExcitation = false,
        ResNetStem stem = ResNetStem.Torchvision, bool nonLocal = false) =>
        new(new Plan(nameof(ResNet101), [3, 4, 23, 3], Bottleneck: true, lastStride,
            ibn, squeezeExcitation, stem, nonLocal ? [2, 9] : null));

    /// <summary>ResNet-152: 2048 channels, 58,143,808 parameters (60,192,808 with ImageNet's classifier).</summary>
    /// <inheritdoc cref="ResNet50" path="/param[not(@name='nonLocal')]"/>
    /// <inheritdoc cref="ResNet50" path="/exception"/>
    public static ResNet ResNet152(int lastStride = 2, InstanceBatchNorm ibn = InstanceBatchNorm.None, bool squeezeExcitation = false,
        ResNetStem stem = ResNetStem.Torchvision) =>
        new(new Plan(nameof(ResNet152), [3, 8, 36, 3], Bottleneck: true, lastStride, ibn, squeezeExcitation, stem));

    /// <summary>Whether the network has non-local blocks.</summary>
    internal bool HasNonLocalBlocks => plan.NonLocal is not null;

    /// <summary>The network up to the first block of the third stage, included, in fast-reid's order.</summary>
    internal Sequential UpToThirdStage => nn.Sequential(
        conv1, bn1, plan.Stem == ResNetStem.StrongBaseline ? nn.Identity() : nn.ReLU(), maxpool, layer1, layer2, Blocks(layer3).First());

    /// <summary>The rest of the third stage, and the fourth.</summary>
    internal Sequential LastStages => nn.Sequential(nn.Sequential(Blocks(layer3).Skip(1)), layer4);

    /// <summary>A copy of the last stages that has its own weights and this stride in the fourth.</summary>
    internal Sequential CopyOfLastStages(int stride)
    {
        var third = Stage(3, stride: 2);
        third[0].Dispose();
        var copy = nn.Sequential(nn.Sequential(third.Skip(1)), nn.Sequential(Stage(4, stride)));
        StateCopy.Copy(LastStages, copy);
        return copy;
    }

    /// <inheritdoc/>
    protected override Tensor FeatureMap(Tensor images)
    {
        var x = bn1.call(conv1.call(images));
        x = maxpool.call(plan.Stem == ResNetStem.StrongBaseline ? x : x.relu_());
        return layer4.call(Run(layer3, NL_3, Run(layer2, NL_2, layer1.call(x))));

        static Tensor Run(Sequential stage, ModuleList<NonLocalBlock>? nonLocal, Tensor x)
        {
            if (nonLocal is null) return stage.call(x);
            var plain = stage.Count - nonLocal.Count;
            foreach (var (block, i) in Blocks(stage).Select((block, i) => (block, i)))
            {
                x = block.call(x);
                if (i >= plain) x = nonLocal[i - plain].call(x);
            }
            return x;
        }
    }

    GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue images)
    {
        var x = graph.Run(bn1, graph.Run(conv1, images));
        x = graph.Run(maxpool, plan.Stem == ResNetStem.StrongBaseline ? x : graph.Relu(x));
        return graph.Run(layer4, Write(layer3, NL_3, Write(layer2, NL_2, graph.Run(layer1, x))));

        GraphValue Write(Sequential stage, ModuleList<NonLocalBlock>? nonLocal, GraphValue x)
        {
            if (nonLocal is null) return graph.Run(stage, x);
            var plain = stage.Count - nonLocal.Count;
            foreach (var (block, i) in Blocks(stage).Select((block, i) => (block, i)))
            {
                x = graph.Run(block, x);
                if (i >= plain) x = graph.Run(nonLocal[i - plain], x);
            }
            return x;
        }
    }

    private static IEnumerable<nn.Module<Tensor, Tensor>> Blocks(Sequential stage) =>
        stage.named_children().Select(child => (nn.Module<Tensor, Tensor>)child.module);

    private Block[] Stage(int stage, int stride)
    {
        var planes = 32L << stage;
        var outputs = planes * plan.Expansion;
        var count = plan.Blocks[stage - 1];
        var blocks = new Block[count];
        for (var i = 0; i < count; i++)
            blocks[i] = new Block(plan, i > 0 ? outputs : stage == 1 ? 64 : outputs / 2, planes, i == 0 ? stride : 1,
                splitNorm: plan.Ibn == InstanceBatchNorm.A && stage < 4,
                normalizeSum: plan.Ibn == InstanceBatchNorm.B && stage < 3 && i == count - 1);
        return blocks;
    }

    /// <summary>Two 3×3 convolutions, or one between a 1×1 convolution that narrows and one that widens; with a shortcut.</summary>
    private sealed class Block : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly Conv2d conv1;
        private readonly nn.Module<Tensor, Tensor> bn1;
        private readonly Conv2d conv2;
        private readonly SafeBatchNorm bn2;
        private readonly Conv2d? conv3;
        private readonly SafeBatchNorm? bn3;
        private readonly SqueezeExcitation? se;
        private readonly InstanceNorm2d? IN;
        private readonly Sequential? downsample;

        public Block(Plan plan, long inputs, long planes, int stride, bool splitNorm, bool normalizeSum)
            : base(plan.Bottleneck ? "Bottleneck" : "BasicBlock")
        {
            var outputs = planes * plan.Expansion;
            conv1 = plan.Bottleneck ? Convolution.Of(inputs, planes, kernel: 1) : Convolution.Of(inputs, planes, kernel: 3, stride);
            bn1 = splitNorm ? new SplitNorm(planes) : new SafeBatchNorm(planes);
            conv2 = Convolution.Of(planes, planes, kernel: 3, plan.Bottleneck ? stride : 1);
            bn2 = new SafeBatchNorm(planes);
            if (plan.Bottleneck)
            {
                conv3 = Convolution.Of(planes, outputs, kernel: 1);
                bn3 = new SafeBatchNorm(outputs);
            }
            if (plan.SqueezeExcitation) se = new SqueezeExcitation(outputs);
            if (normalizeSum) IN = nn.InstanceNorm2d(outputs, affine: true);
            if (stride != 1 || inputs != outputs)
                downsample = nn.Sequential(Convolution.Of(inputs, outputs, kernel: 1, stride), new SafeBatchNorm(outputs));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var y = bn1.call(conv1.call(x)).relu_();
            y = bn2.call(conv2.call(y));
            if (conv3 is not null) y = bn3!.call(conv3.call(y.relu_()));
            if (se is not null) y = se.call(y);
            y = y.Plus(downsample is null ? x : downsample.call(x));
            if (IN is not null) y = IN.call(y);
            return y.relu_().MoveToOuterDisposeScope();
        }

        GraphValue IGraphLayer.Describe(NetworkGraph graph, GraphValue x)
        {
            var y = graph.Relu(graph.Run(bn1, graph.Run(conv1, x)));
            y = graph.Run(bn2, graph.Run(conv2, y));
            if (conv3 is not null) y = graph.Run(bn3!, graph.Run(conv3, graph.Relu(y)));
            if (se is not null) y = graph.Run(se, y);
            y = graph.Add(y, downsample is null ? x : graph.Run(downsample, x));
            if (IN is not null) y = graph.Run(IN, y);
            return graph.Relu(y);
        }
    }
}
