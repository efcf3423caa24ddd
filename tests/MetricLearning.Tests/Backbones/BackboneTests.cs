using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class BackboneTests
{
    private const int ImageNetClasses = 1000;

    // Published counts, with ImageNet's classifier of 1000.
    public static TheoryData<string, long> ImageNetCounts => new() { { "ResNet18", 11_689_512 }, { "ResNet34", 21_797_672 }, { "ResNet50", 25_557_032 } };

    [Theory]
    [MemberData(nameof(ImageNetCounts))]
    public void ResNet_HasThePublishedNumberOfParameters(string name, long expected)
    {
        using var model = new EmbeddingModel(Create(name), classes: ImageNetClasses);
        Assert.Equal(expected, model.parameters().Sum(parameter => parameter.numel()));
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
            "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked", "layer1.0.conv1.weight",
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
    [InlineData("ResNet18")]
    [InlineData("OSNet_x0_25")]
    public void SmallestImages_GiveFeatures_AndSmallerOnesAnError(string name)
    {
        using var scope = NewDisposeScope();
        using var backbone = Create(name);
        backbone.eval();
        var size = backbone.MinimumSize;
        Assert.Equal([2, backbone.Channels, 1, 1], backbone.call(rand(2, 3, size, size)).shape);
        if (size == 1) return;
        var error = Assert.Throws<ArgumentException>(() => backbone.call(rand(2, 3, size, size - 1)));
        Assert.StartsWith($"images must be at least {size} pixels high and wide for {name}, got [2, 3, {size}, {size - 1}].", error.Message);
    }

    [Fact]
    public void Images_OfAnotherShapeOrType_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var backbone = OSNet.X025();
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [2, 1, 64, 32].", Message(zeros(2, 1, 64, 32)));
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [3, 64, 32].", Message(zeros(3, 64, 32)));
        Assert.StartsWith("images must be [N, 3, H, W] with N of at least 1, got [0, 3, 64, 32].", Message(zeros(0, 3, 64, 32)));
        Assert.StartsWith("images must be Float32 as the weights of OSNet_x0_25, got Byte.", Message(zeros([2, 3, 64, 32], ScalarType.Byte)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ResNet.ResNet18(lastStride: 3));

        string Message(Tensor images) => Assert.Throws<ArgumentException>(() => backbone.call(images)).Message;
    }

    private static Backbone Create(string name, int lastStride = 2) => name switch
    {
        "ResNet18" => ResNet.ResNet18(lastStride),
        "ResNet34" => ResNet.ResNet34(lastStride),
        "ResNet50" => ResNet.ResNet50(lastStride),
        "OSNet_x0_25" => OSNet.X025(),
        "OSNet_x0_5" => OSNet.X050(),
        "OSNet_x0_75" => OSNet.X075(),
        _ => OSNet.X100(),
    };

    private static long CountOSNet(long[] w)
    {
        return Layer(3, w[0], 7) + Stage(w[0], w[1], true) + Stage(w[1], w[2], true) + Stage(w[2], w[3], false) + Layer(w[3], w[3], 1);

        static long Layer(long inputs, long outputs, long kernel) => inputs * outputs * kernel * kernel + 2 * outputs;
        static long Light(long width) => width * width + 9 * width + 2 * width;
        static long Gate(long width) => width * (width / 16) + width / 16 + width / 16 * width + width;
        static long Block(long inputs, long outputs) =>
            Layer(inputs, outputs / 4, 1) + 10 * Light(outputs / 4) + Gate(outputs / 4) + Layer(outputs / 4, outputs, 1) + (inputs == outputs ? 0 : Layer(inputs, outputs, 1));
        static long Stage(long inputs, long outputs, bool halve) => Block(inputs, outputs) + Block(outputs, outputs) + (halve ? Layer(outputs, outputs, 1) : 0);
    }
}
