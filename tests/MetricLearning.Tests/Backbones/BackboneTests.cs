using System.Reflection;
using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class BackboneTests
{
    private const int ImageNetClasses = 1000;

    // The published parameters and GFLOPS (multiply-adds) with ImageNet's classifier of 1000 classes, for images of 224 × 224 pixels. They
    // are those of torchvision's tables (_ops of its weights) and of DeiT's paper (4.6 for ViT-S, 1.3 for ViT-Ti), and timm's parameters.
    public static TheoryData<string, long, double, double> ImageNetNetworks => new()
    {
        { "ResNet18", 11_689_512, 1.814, 0.0005 }, { "ResNet34", 21_797_672, 3.664, 0.0005 }, { "ResNet50", 25_557_032, 4.089, 0.0005 },
        { "ResNet101", 44_549_160, 7.801, 0.0005 }, { "ResNet152", 60_192_808, 11.514, 0.0005 },
            { "MobileNetV2", 3_504_872, 0.301, 0.0005 },
        { "ViT_B_16", 86_567_656, 17.564, 0.0005 }, { "ViT_S_16", 22_050_664, 4.6, 0.05 }, { "ViT_Ti_16", 5_717_416, 1.3, 0.05 },
    };

    [Theory]
    [MemberData(nameof(ImageNetNetworks))]
    public void Network_HasThePublishedParametersAndMultiplyAdds(string name, long parameters, double billions, double tolerance)
    {
        using var model = new EmbeddingModel(Create(name), classes: ImageNetClasses);
        model.eval();
        var summary = ModelSummary.Of(model, [1, 3, 224, 224], depth: 0);
        Assert.Equal(parameters, summary.Parameters);
        Assert.Equal(billions, summary.MultiplyAdds / 1e9, tolerance);
    }

    // torchreid counts the bias of a convolution or linear layer as one more operation. ResNet-34's classifier has 1000 such biases. OSNet
    // has those of the gates, which run four times, and 512 in fc.
    [Fact]
    public void MultiplyAdds_AreTorchreidsFlopsWithoutTheBiases()
    {
        using var resNet = new EmbeddingModel(ResNet.ResNet34(), classes: ImageNetClasses);
        Assert.Equal(3_663_762_408 - 1000, MultiplyAdds(resNet, 224, 224));
        using var large = EmbeddingModel.TorchReId(OSNet.X100());
        Assert.Equal(978_878_352 - 512 - 4 * Gates(64, 64, 96, 96, 128, 128), MultiplyAdds(large, 256, 128));
        using var small = EmbeddingModel.TorchReId(OSNet.X025());
        Assert.Equal(82_316_000 - 512 - 4 * Gates(16, 16, 24, 24, 32, 32), MultiplyAdds(small, 256, 128));

        static long MultiplyAdds(EmbeddingModel model, long height, long width)
        {
            model.eval();
            return ModelSummary.Of(model, [1, 3, height, width]).MultiplyAdds;
        }

        static long Gates(params long[] widths) => widths.Sum(width => width / 16 + width);
    }

    [Fact]
    public void OSNet_X025_HasTorchreidsParameters()
    {
        using var model = EmbeddingModel.TorchReId(OSNet.X025());
        // torchreid prints 203,568, because it counts the gates' parameters in each of four runs.
        long[] widths = [16, 16, 24, 24, 32, 32];
        var gates = widths.Sum(width => 2 * width * (width / 16) + width / 16 + width);
        Assert.Equal(203_568 - 3 * gates, model.parameters().Sum(parameter => parameter.numel()));
    }

    // Counted by hand from the published code: see CountOSNet for the sum.
    [Theory]
    [InlineData("OSNet_x0_25", new long[] { 16, 64, 96, 128 })]
    [InlineData("OSNet_x0_5", new long[] { 32, 128, 192, 256 })]
    [InlineData("OSNet_x0_75", new long[] { 48, 192, 288, 384 })]
    [InlineData("OSNet_x1_0", new long[] { 64, 256, 384, 512 })]
    public void OSNet_HasTheParametersOfThePaper(string name, long[] widths)
    {
        using var backbone = Create(name);
        Assert.Equal(CountOSNet(widths), backbone.parameters().Sum(parameter => parameter.numel()));
        Assert.Equal(widths[3], backbone.Channels);
        Assert.Equal(name, backbone.GetName());
    }

    [Fact]
    public void OSNet_X100_HasTheTwoMillionParametersOfThePaper()
    {
        using var model = EmbeddingModel.TorchReId(OSNet.X100());
        // 2.2 million in the paper. torchreid's counter says 2,193,616, because it counts the gate's 4,018 × 2 in each of its four runs.
        Assert.Equal(2_193_616 - 3 * 2 * 4_018, model.parameters().Sum(parameter => parameter.numel()));
    }

    [Theory]
    [InlineData("ResNet18", 2, 8, 4)]
    [InlineData("ResNet18", 1, 16, 8)]
    [InlineData("ResNet34", 1, 16, 8)]
    [InlineData("ResNet50", 2, 8, 4)]
    [InlineData("ResNet50", 1, 16, 8)]
    [InlineData("OSNet_x0_25", 0, 16, 8)]
    [InlineData("OSNet_x1_0", 0, 16, 8)]
    [InlineData("OSNet_IBN_x0_25", 0, 16, 8)]
    [InlineData("OSNet_AIN_x0_25", 0, 16, 8)]
    [InlineData("ResNet101", 1, 16, 8)]
    [InlineData("SE_ResNet50_IBN_a_NL", 1, 16, 8)]
    [InlineData("MobileNetV2", 0, 8, 4)]
    [InlineData("ViT_Ti_16", 0, 1, 1)]
    public void Map_HasTheSizeThatTheStridesGive(string name, int lastStride, long height, long width)
    {
        using var scope = NewDisposeScope();
        using var backbone = Create(name, lastStride);
        backbone.eval();
        using var noGradient = no_grad();
        Assert.Equal([1, backbone.Channels, height, width], backbone.call(rand(1, 3, 256, 128)).shape);
    }

    [Fact]
    public void ResNet_NamesAreTorchvisions()
    {
        using var small = ResNet.ResNet18();
        using var large = ResNet.ResNet50();
        string[] expected =
        [
            "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
                "layer1.0.conv1.weight",
            "layer1.1.bn2.running_var", "layer2.0.downsample.0.weight", "layer2.0.downsample.1.running_mean", "layer4.1.conv2.weight",
        ];
        var names = small.state_dict().Keys.ToHashSet();
        Assert.All(expected, name => Assert.Contains(name, names));
        Assert.Equal(122 - 2, names.Count); // torchvision's ResNet-18 has 122 entries, of which two are the classifier's
        Assert.Equal(320 - 2, large.state_dict().Count);
        Assert.Equal([256, 64, 1, 1], large.state_dict()["layer1.0.conv3.weight"].shape);
        Assert.Equal([256, 64, 1, 1], large.state_dict()["layer1.0.downsample.0.weight"].shape);
        Assert.DoesNotContain("layer1.0.downsample.0.weight", names);
    }

    [Fact]
    public void ResNet_LayerByLayer_HasTheSizesOfThePaper()
    {
        using var scope = NewDisposeScope();
        using var backbone = ResNet.ResNet101(lastStride: 1, ibn: InstanceBatchNorm.A, squeezeExcitation: true);
        backbone.eval();
        var features = LayerFeatures.Of(backbone, rand(1, 3, 256, 128),
            ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "layer3.22.conv2", "layer4.0.downsample"]);
        Assert.Equal([1, 64, 128, 64], features["conv1"].shape);
        Assert.Equal([1, 64, 64, 32], features["maxpool"].shape);
        Assert.Equal([1, 256, 64, 32], features["layer1"].shape);
        Assert.Equal([1, 512, 32, 16], features["layer2"].shape);
        Assert.Equal([1, 1024, 16, 8], features["layer3"].shape);
        Assert.Equal([1, 256, 16, 8], features["layer3.22.conv2"].shape);
        Assert.Equal([1, 2048, 16, 8], features["layer4.0.downsample"].shape);
        Assert.Equal([1, 2048, 16, 8], features["layer4"].shape);
    }

    [Fact]
    public void ResNet_IbnA_HasIbnNetsNames_AndAsManyParameters()
    {
        using var plain = ResNet.ResNet50();
        using var a = ResNet.ResNet50(ibn: InstanceBatchNorm.A);
        var names = a.state_dict().Keys.ToHashSet();
        Assert.Equal(plain.parameters().Sum(p => p.numel()), a.parameters().Sum(p => p.numel()));
        // In the blocks of the first three stages, bn1's five entries became IN's two and BN's five.
        Assert.Equal(plain.state_dict().Count + 2 * (3 + 4 + 6), names.Count);
        Assert.Contains("layer3.5.bn1.IN.weight", names);
        Assert.Contains("layer3.5.bn1.BN.running_var", names);
        Assert.Contains("layer4.0.bn1.running_var", names);
        Assert.DoesNotContain(names, name => name.StartsWith("layer4", StringComparison.Ordinal)
            && name.Contains("IN.", StringComparison.Ordinal));
        Assert.Equal([32], a.state_dict()["layer1.0.bn1.IN.weight"].shape);
        Assert.Equal("ResNet50_IBN_a", a.GetName());
    }

    [Fact]
    public void ResNet_IbnB_HasIbnNetsNames()
    {
        using var backbone = ResNet.ResNet50(ibn: InstanceBatchNorm.B);
        var names = backbone.state_dict().Keys.ToHashSet();
        Assert.Equal(["layer1.2.IN.bias", "layer1.2.IN.weight", "layer2.3.IN.bias", "layer2.3.IN.weight"],
            names.Where(name => name.Contains(".IN.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("bn1.running_mean", names);
        Assert.Contains("bn1.weight", names);
        Assert.Contains("layer1.0.bn1.running_mean", names);
    }

    [Fact]
    public void ResNet_SqueezeExcitationAndNonLocal_HaveFastReidsNames()
    {
        using var backbone = ResNet.ResNet101(squeezeExcitation: true, nonLocal: true);
        var names = backbone.state_dict().Keys.ToHashSet();
        Assert.Contains("layer4.2.se.fc.2.weight", names);
        Assert.Equal(33, names.Count(name => name.EndsWith(".se.fc.0.weight", StringComparison.Ordinal)));
        Assert.Equal([128, 2048], backbone.state_dict()["layer4.2.se.fc.0.weight"].shape);
        Assert.Equal(2, names.Count(name => name.StartsWith("NL_2.", StringComparison.Ordinal)
            && name.EndsWith(".g.weight", StringComparison.Ordinal)));
        Assert.Equal(9, names.Count(name => name.StartsWith("NL_3.", StringComparison.Ordinal)
            && name.EndsWith(".W.1.running_var", StringComparison.Ordinal)));
        Assert.Contains("NL_3.8.phi.bias", names);
        Assert.Equal("SE_ResNet101_NL", backbone.GetName());
    }

    [Fact]
    public void ResNet_NonLocalBlocks_FollowTheLastBlocks()
    {
        using var scope = NewDisposeScope();
        using var backbone = ResNet.ResNet50(nonLocal: true);
        var images = rand(2, 3, 64, 32);
        var order = new List<string>();
        var watched = backbone.named_modules().Where(named => named.name is "layer2.1" or "layer2.2" or "NL_2.0" or "layer2.3" or "NL_2.1"
            or "layer3.0");
        foreach (var (name, module) in watched.ToList())
            ((nn.Module<Tensor, Tensor>)module).register_forward_hook((_, _, output) =>
            {
                order.Add(name);
                return output;
            });
        backbone.call(images);
        Assert.Equal(["layer2.1", "layer2.2", "NL_2.0", "layer2.3", "NL_2.1", "layer3.0"], order);
    }

    [Fact]
    public void ResNet_Stems_DifferAsPublished()
    {
        using var scope = NewDisposeScope();
        using var torchvision = ResNet.ResNet18();
        using var fastReId = ResNet.ResNet18(stem: ResNetStem.FastReId);
        using var baseline = ResNet.ResNet18(stem: ResNetStem.StrongBaseline);
        StateCopy.Copy(torchvision, fastReId);
        StateCopy.Copy(torchvision, baseline);
        foreach (var network in new[] { torchvision, fastReId, baseline }) network.eval();
        var images = rand(1, 3, 64, 32);
        var first = LayerFeatures.Of(torchvision, images, ["bn1", "maxpool"]);
        var second = LayerFeatures.Of(fastReId, images, "maxpool");
        var third = LayerFeatures.Of(baseline, images, "maxpool");
        var map = first["bn1"];                             // 32 × 16
        Assert.Equal([1, 64, 16, 8], second.shape);
        // torchvision's window at (3, 2) covers rows 5 to 7 and columns 3 to 5. fast-reid's window covers rows 6 to 8 and columns 4 to 6.
        Assert.Equal(Max(5, 3, 0), first["maxpool"][0, 0, 3, 2].item<float>());
        Assert.Equal(Max(6, 4, 0), second[0, 0, 3, 2].item<float>());
        Assert.Equal(Max(5, 3, float.NegativeInfinity), third[0, 0, 3, 2].item<float>());
        Assert.True(third.min().ToDouble() < 0);

        float Max(int row, int column, float least) => Math.Max(least, map[0, 0, row..(row + 3), column..(column + 3)].max().item<float>());
    }

    [Fact]
    public void OSNet_IbnAndAin_HaveTorchreidsNames()
    {
        using var ibn = OSNet.X025(OSNetVariant.Ibn);
        using var ain = OSNet.X025(OSNetVariant.Ain);
        var names = ibn.state_dict().Keys.ToHashSet();
        Assert.Equal(["conv2.0.IN.weight", "conv2.1.IN.weight"], names.Where(name => name.EndsWith("IN.weight", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal));
        Assert.Contains("conv2.2.0.conv.weight", names);
        Assert.DoesNotContain("conv1.bn.running_mean", names);

        names = ain.state_dict().Keys.ToHashSet();
        Assert.Equal(
            ["conv2.0.IN.weight", "conv2.1.IN.weight", "conv3.1.IN.weight", "conv4.0.IN.weight"],
            names.Where(name => name.EndsWith("IN.weight", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("conv2.0.conv3.bn.weight", names);
        Assert.Contains("conv3.0.conv3.bn.weight", names);
        Assert.Contains("conv2.0.conv2.0.layers.0.conv1.weight", names);
        Assert.Contains("conv4.1.conv2.3.layers.3.bn.running_var", names);
        Assert.Contains("pool3.0.bn.weight", names);
        Assert.Equal("OSNet_AIN_x0_25", ain.GetName());
    }

    // In AIN, instance norms replace batch norms, so the number of parameters stays. IBN also adds two instance norms with 256 weights
    // and 256 biases each.
    [Fact]
    public void OSNet_Variants_DifferInTheirNormsAlone()
    {
        using var standard = OSNet.X100();
        using var ibn = OSNet.X100(OSNetVariant.Ibn);
        using var ain = OSNet.X100(OSNetVariant.Ain);
        Assert.Equal(Count(standard) + 4 * 256, Count(ibn));
        Assert.Equal(Count(standard), Count(ain));

        static long Count(Backbone backbone) => backbone.parameters().Sum(parameter => parameter.numel());
    }

    [Fact]
    public void MobileNetV2_HasTorchvisionsNames()
    {
        using var backbone = new MobileNetV2();
        var state = backbone.state_dict();
        Assert.Equal(314 - 2, state.Count);     // torchvision's has 314 entries, of which two are the classifier's
        Assert.Equal([32, 3, 3, 3], state["features.0.0.weight"].shape);
        Assert.Equal([32, 1, 3, 3], state["features.1.conv.0.0.weight"].shape);
        Assert.Equal([16, 32, 1, 1], state["features.1.conv.1.weight"].shape);
        Assert.Equal([960, 160, 1, 1], state["features.17.conv.0.0.weight"].shape);
        Assert.Equal([320, 960, 1, 1], state["features.17.conv.2.weight"].shape);
        Assert.Equal([1280, 320, 1, 1], state["features.18.0.weight"].shape);
        Assert.Contains("features.17.conv.3.running_var", state.Keys);
        Assert.Throws<ArgumentOutOfRangeException>(() => new MobileNetV2(0.01));
    }

    // This writes out torchreid's network: every block has a widening convolution, and widths are truncated to whole numbers. The names in
    // the file are torchreid's.
    [Theory]
    [InlineData(1.0)]
    [InlineData(1.4)]
    public void MobileNetV2_OfTorchreid_LoadsItsNamesStrictly(double width)
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(new MobileNetV2(width, MobileNetV2Dialect.TorchReId), classes: 7);
        var file = new Dictionary<string, Tensor>();
        var inputs = (long)(32 * width);
        Layer("module.conv1.conv", "module.conv1.bn", inputs, 3, 3);
        (int Stage, int Widen, int Channels, int Blocks)[] stages = [(2, 1, 16, 1), (3, 6, 24, 2), (4, 6, 32, 3), (5, 6, 64, 4),
            (6, 6, 96, 3), (7, 6, 160, 3), (8, 6, 320, 1)];
        foreach (var (stage, widen, channels, blocks) in stages)
            for (var block = 0; block < blocks; block++)
            {
                var (wide, outputs, name) = (inputs * widen, (long)(channels * width), $"module.conv{stage}.{block}");
                Layer(name + ".conv1.conv", name + ".conv1.bn", wide, inputs, 1);
                Layer(name + ".dwconv2.conv", name + ".dwconv2.bn", wide, 1, 3);
                Layer(name + ".conv3.0", name + ".conv3.1", outputs, wide, 1);
                inputs = outputs;
            }
        var last = width > 1 ? (long)(1280 * width) : 1280;
        Layer("module.conv9.conv", "module.conv9.bn", last, inputs, 1);
        file["module.classifier.weight"] = zeros(7, last);
        file["module.classifier.bias"] = zeros(7);
        var report = model.LoadWeights(file, strict: true, rename: WeightNames.TorchReIdMobileNetV2());
        Assert.True(report.IsExact);
        Assert.Equal(file.Count, report.Matched.Count);
        Assert.Equal(last, model.Backbone.Channels);
        Assert.Contains("backbone.features.17.conv.1.1.running_var", report.Matched);

        void Layer(string convolution, string norm, long outputs, long channels, long kernel)
        {
            file[convolution + ".weight"] = zeros(outputs, channels, kernel, kernel);
            foreach (var part in new[] { "weight", "bias", "running_mean", "running_var" }) file[$"{norm}.{part}"] = zeros(outputs);
            file[norm + ".num_batches_tracked"] = tensor(1L);
        }
    }

    [Fact]
    public void ConvNet4_TakesGrayImages()
    {
        using var scope = NewDisposeScope();
        using var backbone = new ConvNet4();
        Assert.Equal(111_936, backbone.parameters().Sum(parameter => parameter.numel()));
        Assert.Equal([3, 64, 1, 1], backbone.call(rand(3, 1, 28, 28)).shape);
        Assert.Contains("encoder.3.1.running_mean", backbone.state_dict().Keys);
        Assert.StartsWith("images must be [N, 1, H, W] with N of at least 1, got [3, 3, 28, 28].",
            Assert.Throws<ArgumentException>(() => backbone.call(rand(3, 3, 28, 28))).Message);
        using var color = new ConvNet4(imageChannels: 3, channels: 8);
        Assert.Equal([2, 8, 6, 5], color.call(rand(2, 3, 105, 92)).shape);
    }

    // Tests that hold for every backbone.
    public static TheoryData<string> SmallNetworks => [.. BackboneCatalogue.Small.Keys];

    [Fact]
    public void EveryBackbone_IsInTheCatalogue()
    {
        var kinds = typeof(Backbone).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Backbone)) && !type.IsAbstract).ToList();
        var small = new HashSet<Type>();
        foreach (var (name, create) in BackboneCatalogue.Small)
        {
            using var backbone = create();
            Assert.Equal(name, backbone.GetName());
            small.Add(backbone.GetType());
        }
        Assert.Empty(kinds.Except(small));
        // Each public way to create a backbone has a row in the document, so the tests that run over the rows cover it.
        var ways = kinds.SelectMany(kind => kind.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)
            .Where(method => method.ReturnType == kind).Select(method => $"{kind.Name}.{method.Name}(")
            .Concat(kind.GetConstructors().Select(_ => $"new {kind.Name}("))).Distinct().ToList();
        Assert.True(ways.Count > 10);
        Assert.DoesNotContain(ways, way => !BackboneCatalogue.Rows.Any(row => row.Make.StartsWith(way, StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks))]
    public void Gradient_ReachesEveryParameter(string name)
    {
        manual_seed(1);
        using var scope = NewDisposeScope();
        using var backbone = BackboneCatalogue.Small[name]();
        GradientFlow.ReachesEveryParameter(backbone, () => backbone.call(rand(4, backbone.ImageChannels, 64, 48)));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks))]
    public void TrainingAndEvaluation_DifferByTheNorms_AndEvaluationRepeats(string name)
    {
        manual_seed(1);
        using var scope = NewDisposeScope();
        using var backbone = BackboneCatalogue.Small[name]();
        var images = rand(2, backbone.ImageChannels, 64, 48);
        using var noGradient = no_grad();
        var inBatch = backbone.call(images);
        backbone.eval();
        var first = backbone.call(images);
        Assert.True(first.Equals(backbone.call(images)));
        Assert.NotEqual(backbone.modules().Any(module => module is TorchSharp.Modules.BatchNorm), inBatch.allclose(first));
        // In evaluation, the features of an image do not depend on the other images of the batch.
        Assert.True(first[0].allclose(backbone.call(images[..1])[0], rtol: 1e-4, atol: 1e-5));
        Assert.All(backbone.state_dict().Values, tensor => Assert.True(tensor.isfinite().all().item<bool>()));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks))]
    public void Weights_AreTheSame_ForTheSameSeed(string name)
    {
        var create = BackboneCatalogue.Small[name];
        manual_seed(9);
        using var one = create();
        manual_seed(9);
        using var two = create();
        using var three = create();
        using var scope = NewDisposeScope();
        var (first, second, third) = (one.state_dict(), two.state_dict(), three.state_dict());
        Assert.All(first, named => Assert.True(named.Value.Equals(second[named.Key])));
        Assert.Contains(first, named => !named.Value.Equals(third[named.Key]));
    }

    [Fact]
    public void Convolutions_StartFromKaimingsDistribution()
    {
        manual_seed(5);
        using var backbone = ResNet.ResNet18();
        using var scope = NewDisposeScope();
        var weight = backbone.state_dict()["layer4.1.conv2.weight"];
        Assert.Equal(Math.Sqrt(2.0 / (512 * 9)), weight.std().ToDouble(), 1e-4);
        Assert.Equal(0, weight.mean().ToDouble(), 1e-4);
        Assert.Equal(1, backbone.state_dict()["bn1.weight"].min().ToDouble());
    }

    [Theory]
    [MemberData(nameof(SmallNetworks))]
    public void SmallestImages_GiveFeatures_AndSmallerOnesAnError(string name)
    {
        using var scope = NewDisposeScope();
        using var backbone = BackboneCatalogue.Small[name]();
        backbone.eval();
        var (size, channels) = (backbone.MinimumSize, backbone.ImageChannels);
        var side = name == "OSNet_AIN_x1_0" ? 2 : 1;            // its last instance norm needs a map of more than one position
        Assert.Equal([2, backbone.Channels, side, side], backbone.call(rand(2, channels, size, size)).shape);
        var error = Assert.Throws<ArgumentException>(() => backbone.call(rand(2, channels, size, size - 1)));
        Assert.StartsWith($"images must be at least {size} pixels high and wide for {name}, got [2, {channels}, {size}, {size - 1}].",
            error.Message);
    }

    [Theory]
    [InlineData(ResNetStem.Torchvision), InlineData(ResNetStem.FastReId), InlineData(ResNetStem.StrongBaseline)]
    public void EveryStem_TakesTheSmallestImages(ResNetStem stem)
    {
        using var scope = NewDisposeScope();
        foreach (var ibn in Enum.GetValues<InstanceBatchNorm>())
        {
            using var backbone = ResNet.ResNet18(ibn: ibn, stem: stem);
            backbone.eval();
            var size = backbone.MinimumSize;
            Assert.Equal([2, 512, 1, 1], backbone.call(rand(2, 3, size, size)).shape);
            Assert.Equal([2, 512, 1, 2], backbone.call(rand(2, 3, size, 64)).shape);
            Assert.StartsWith("images must be", Assert.Throws<ArgumentException>(() => backbone.call(rand(2, 3, size - 1, 64))).Message,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(SmallNetworks))]
    public void EvaluationMode_ReachesEveryModule(string name)
    {
        using var backbone = BackboneCatalogue.Small[name]();
        Assert.All(backbone.modules(), module => Assert.True(module.training));
        backbone.eval();
        Assert.All(backbone.modules(), module => Assert.False(module.training));
    }

    [Fact]
    public void Images_OfAnotherShapeOrType_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var backbone = OSNet.X025();
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [2, 1, 64, 32].", Message(zeros(2, 1, 64, 32)));
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [3, 64, 32].", Message(zeros(3, 64, 32)));
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [0, 3, 64, 32].", Message(zeros(0, 3, 64, 32)));
        Assert.StartsWith("images must be Float32 as the weights of OSNet_x0_25, got Byte.",
            Message(zeros([2, 3, 64, 32], ScalarType.Byte)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ResNet.ResNet18(lastStride: 3));

        string Message(Tensor images) => Assert.Throws<ArgumentException>(() => backbone.call(images)).Message;
    }

    private static Backbone Create(string name, int lastStride = 2) => name switch
    {
        "ResNet18" => ResNet.ResNet18(lastStride),
        "ResNet34" => ResNet.ResNet34(lastStride),
        "ResNet50" => ResNet.ResNet50(lastStride),
        "ResNet101" => ResNet.ResNet101(lastStride),
        "ResNet152" => ResNet.ResNet152(lastStride),
        "SE_ResNet50_IBN_a_NL" => ResNet.ResNet50(lastStride, InstanceBatchNorm.A, squeezeExcitation: true, nonLocal: true),
        "OSNet_IBN_x0_25" => OSNet.X025(OSNetVariant.Ibn),
        "OSNet_AIN_x0_25" => OSNet.X025(OSNetVariant.Ain),
        "MobileNetV2" => new MobileNetV2(),
        "ViT_Ti_16" => VisionTransformer.Tiny(),
        "ViT_S_16" => VisionTransformer.Small(),
        "ViT_B_16" => VisionTransformer.Base(),
        "OSNet_x0_25" => OSNet.X025(),
        "OSNet_x0_5" => OSNet.X050(),
        "OSNet_x0_75" => OSNet.X075(),
        "OSNet_x1_0" => OSNet.X100(),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "There is no such backbone."),
    };

    private static long CountOSNet(long[] w)
    {
        return Layer(3, w[0], 7) + Stage(w[0], w[1], true) + Stage(w[1], w[2], true) + Stage(w[2], w[3], false) + Layer(w[3], w[3], 1);

        static long Layer(long inputs, long outputs, long kernel) => inputs * outputs * kernel * kernel + 2 * outputs;
        static long Light(long width) => width * width + 9 * width + 2 * width;
        static long Gate(long width) => width * (width / 16) + width / 16 + width / 16 * width + width;
        static long Block(long inputs, long outputs) =>
            Layer(inputs, outputs / 4, 1) + 10 * Light(outputs / 4) + Gate(outputs / 4) + Layer(outputs / 4, outputs, 1)
                + (inputs == outputs ? 0 : Layer(inputs, outputs, 1));
        static long Stage(long inputs, long outputs, bool halve) =>
            Block(inputs, outputs) + Block(outputs, outputs) + (halve ? Layer(outputs, outputs, 1) : 0);
    }
}
