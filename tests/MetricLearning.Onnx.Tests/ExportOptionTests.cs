using MetricLearning.Testing;
using static MetricLearning.Scalars;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

[LeavesNoTensors]
public class ExportOptionTests
{
    private static readonly float[] mean = [0.485f, 0.456f, 0.406f], deviation = [0.229f, 0.224f, 0.225f];

    [Fact]
    public void FoldedBatchNorms_GiveTheSameFeatures_AndLeaveNoNode()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(EmbeddingModel.TorchReId(OSNet.X025()));
        using var plain = new ExportedNetwork(model);
        using var folded = new ExportedNetwork(model, new() { FoldBatchNorms = true });
        var images = randn(2, 3, 64, 32);
        Numbers.Near(model.Embed(images), folded.Run(images)["embedding"]);
        Assert.Contains("BatchNormalization", Operators(plain));
        Assert.DoesNotContain("BatchNormalization", Operators(folded));
    }

    [Fact]
    public void ABatchNormWithoutALayerBeforeIt_IsNotFolded()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(ResNet.ResNet18(), neck: new BNNeck(512)));
        using var folded = new ExportedNetwork(model, new() { FoldBatchNorms = true });
        var images = randn(2, 3, 64, 32);
        Numbers.Near(model.Embed(images), folded.Run(images)["embedding"]);
        Assert.Single(Operators(folded), name => name == "BatchNormalization");
    }

    [Fact]
    public void ALayerWhoseOutputIsUsedTwice_KeepsItsBatchNorm()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new TwiceUsed());
        using var folded = new ExportedNetwork(model, new() { FoldBatchNorms = true });
        var images = randn(2, 3, 8, 8);
        using var noGradient = no_grad();
        Numbers.Near(model.call(images), folded.Run(images)["output"]);
        Assert.Contains("BatchNormalization", Operators(folded));
    }

    [Fact]
    public void HalfWeights_HalveTheFile_AndGiveNearlyTheSameFeatures()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(EmbeddingModel.TorchReId(OSNet.X050()));
        using var single = new ExportedNetwork(model);
        using var half = new ExportedNetwork(model, new() { HalfWeights = true, FoldBatchNorms = true });
        var images = randn(2, 3, 64, 32);
        Numbers.Near(model.Embed(images), half.Run(images)["embedding"], share: 0.02);
        Assert.InRange(new FileInfo(half.Path).Length, 1, new FileInfo(single.Path).Length * 6 / 10);
    }

    [Fact]
    public void AWeightThatHalfPrecisionDoesNotHave_StaysAsItIs()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(new ConvNet4(imageChannels: 3)));
        using (no_grad()) model.state_dict()["backbone.encoder.0.0.weight"].mul_(S(1e6));
        using var half = new ExportedNetwork(model, new() { HalfWeights = true });
        using var tensors = OnnxFile.Read(half.Path);
        Assert.Equal(ScalarType.Float32, tensors["backbone.encoder.0.0.weight"].dtype);
        Assert.Equal(ScalarType.Float16, tensors["backbone.encoder.1.0.weight"].dtype);
        Assert.Equal(ScalarType.Float32, tensors["backbone.encoder.1.0.bias"].dtype);
    }

    /// <summary>Half precision would have 0 for the smallest of these weights, and only one or two digits of the others.</summary>
    [Fact]
    public void WeightsThatAreTooSmallForHalfPrecision_StayAsTheyAre()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(new ConvNet4(imageChannels: 3)));
        using (no_grad()) model.state_dict()["backbone.encoder.0.0.weight"].mul_(S(1e-7));
        using var half = new ExportedNetwork(model, new() { HalfWeights = true });
        using var tensors = OnnxFile.Read(half.Path);
        Assert.Equal(ScalarType.Float32, tensors["backbone.encoder.0.0.weight"].dtype);
        Assert.Equal(ScalarType.Float16, tensors["backbone.encoder.1.0.weight"].dtype);
    }

    /// <summary>The deviations are no weights: half precision has 0 for them, and the network would give NaN.</summary>
    [Fact]
    public void HalfWeights_LeaveMeanAndDeviationExact()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(new ConvNet4(imageChannels: 3)));
        using var network = new ExportedNetwork(model, new()
        {
            Preprocess = true,
            HalfWeights = true,
            Space = new() { Mean = mean, Deviation = [1e-8f, 1e-8f, 1e-8f] },
        });
        var pixels = randint(0, 256, [2, 28, 28, 3], ScalarType.Byte);
        Assert.True(network.Run(pixels)["embedding"].isfinite().all().item<bool>());
    }

    [Fact]
    public void Preprocessing_TakesPixels()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(EmbeddingModel.TorchReId(OSNet.X025()));
        using var network = new ExportedNetwork(model, new()
        {
            Preprocess = true,
            Space = new() { Height = 64, Width = 32, Mean = mean, Deviation = deviation },
        });
        var pixels = randint(0, 256, [3, 64, 32, 3], ScalarType.Byte);
        var images = (pixels.permute(0, 3, 1, 2).to(ScalarType.Float32) / 255f - Row(mean)) / Row(deviation);
        Numbers.Near(model.Embed(images.contiguous()), network.Run(pixels)["embedding"]);

        static Tensor Row(float[] values) => tensor(values).reshape(1, 3, 1, 1);
    }

    [Fact]
    public void WithoutASize_OneNetworkTakesImagesOfAnySize()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(new EmbeddingModel(ResNet.ResNet18(ibn: InstanceBatchNorm.A, squeezeExcitation: true),
            new GeMPooling()));
        using var network = new ExportedNetwork(model);
        foreach (var (height, width) in new[] { (64, 32), (97, 51) })
        {
            var images = randn(2, 3, height, width);
            Numbers.Near(model.Embed(images), network.Run(images)["embedding"]);
        }
    }

    [Fact]
    public void TheRecordOfTheSpace_IsThatOfTheServedWeights()
    {
        using var scope = NewDisposeScope();
        using var model = Networks.Lived(EmbeddingModel.TorchReId(OSNet.X025(), classes: 3));
        using var network = new ExportedNetwork(model, new()
        {
            Space = new() { Architecture = "osnet_x0_25", Height = 64, Width = 32, Normalized = true, Distance = "cosine" },
            ClassNames = ["anna", "björn", "\"c\""],
            Outputs = ["embedding", "logits"],
        });
        var served = Path.Combine(Path.GetDirectoryName(network.Path)!, "served.safetensors");
        model.SaveForInference(served, new() { Architecture = "osnet_x0_25" });

        var space = OnnxFile.ReadSpace(network.Path)!;
        Assert.Equal(network.Space, space);
        Assert.Equal(512, space.Dimension);
        Assert.Equal("cosine", space.Distance);
        Assert.Equal(EmbeddingSpace.Read(served)!.Fingerprint, space.Fingerprint);
        Assert.Equal(["anna", "björn", "\"c\""], OnnxFile.ReadClassNames(network.Path));
        Assert.Equal(space.ToJson(), network.Metadata[EmbeddingSpace.MetadataKey]);
    }

    private static List<string> Operators(ExportedNetwork network)
    {
        using var stream = File.OpenRead(network.Path);
        return [.. OnnxReader.Read(stream).Nodes.Select(node => node.Operator)];
    }

    /// <summary>Adds the output of a convolution to the output of its batch norm.</summary>
    private sealed class TwiceUsed : nn.Module<Tensor, Tensor>, IGraphLayer
    {
        private readonly TorchSharp.Modules.Conv2d conv = nn.Conv2d(3, 4, 3L);
        private readonly TorchSharp.Modules.BatchNorm2d bn = nn.BatchNorm2d(4);

        public TwiceUsed() : base(nameof(TwiceUsed)) => RegisterComponents();

        public GraphValue Describe(NetworkGraph graph, GraphValue input)
        {
            var x = graph.Run(conv, input);
            return graph.Add(graph.Run(bn, x), x);
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var x = conv.call(input);
            return (bn.call(x) + x).MoveToOuterDisposeScope();
        }
    }
}
