using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class InferenceModelTests
{
    public static TheoryData<string> Backbones => [.. BackboneCatalogue.Small.Keys];

    [Theory, MemberData(nameof(Backbones))]
    public void EveryBackbone_HasTheModelsEmbeddings(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(BackboneCatalogue.Small[name]()));
        var (height, width) = name switch { "ViT_Ti_16" => (224, 224), "ConvNet4" => (28, 28), _ => (64, 32) };
        AssertSame(model, model.Embed, () => new InferenceModel(model, height, width), model.Backbone.ImageChannels, height, width);
    }

    public static TheoryData<string> Heads => [.. heads.Keys];

    [Theory, MemberData(nameof(Heads))]
    public void EveryHead_HasTheModelsEmbeddings(string name)
    {
        using var scope = NewDisposeScope();
        using var model = Trained(heads[name]());
        AssertSame(model, model.Embed, () => new InferenceModel(model), 3, 64, 32);
    }

    [Fact]
    public void PartModels_HaveTheirEmbeddings()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new Pcb(ResNet.ResNet18(), parts: 2, reducedDimension: 8));
        AssertSame(model, model.Embed, () => new InferenceModel(model, 96, 32), 3, 96, 32);
    }

    [Fact]
    public void APartModelWithoutABackbone_HasItsEmbeddings()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new Mgn(ResNet.ResNet18(lastStride: 1), reducedDimension: 8));
        AssertSame(model, model.Embed, () => new InferenceModel(model, 96, 32), 3, 96, 32);
        Assert.Contains("three stripes", Assert.Throws<NotSupportedException>(() => new InferenceModel(model, 16, 32)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void AnImage_HasTheSameEmbeddingInEveryBatch()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        using var fast = new InferenceModel(model);
        var images = randn(5, 3, 64, 32);
        var together = fast.Embed(images);
        var alone = cat([.. images.split(1).Select(fast.Embed)]);
        AssertNear(together, alone, 1e-5);
    }

    [Fact]
    public void APartOfTheBatchForEachThread_ChangesOnlyRounding()
    {
        using var threads = new TorchThreads(2);
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        using InferenceModel inParts = new(model, 64, 32), whole = new(model, 64, 32) { SplitsBatches = false };
        foreach (var count in new[] { 1, 2, 3, 7 })
        {
            var images = randn(count, 3, 64, 32);
            AssertNear(whole.Embed(images), inParts.Embed(images), 1e-5);
            Assert.True(inParts.Embed(images).equal(inParts.Embed(images)).all().item<bool>());
        }
    }

    [Fact]
    public void AConvolution_AddsAndClipsItsOwnResult()
    {
        if (!PackedConvolutions.Exist(DeviceType.CPU, ScalarType.Float32)) Assert.Skip("this libtorch has no oneDNN");
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(ResNet.ResNet18()));
        using var graph = new ScriptGraph(model);
        var output = ((IGraphModel)model).Describe(graph, new(ScriptGraph.Images, [GraphValue.Unknown, 3, 64, 32]))[0].Value.Name;
        var weights = graph.Weights.ToDictionary();
        var folded = ScriptPasses.Folded(ScriptPasses.Needed(graph.Nodes, output), output, weights);
        var packed = PackedConvolutions.In(folded, output, weights, batch: 2);
        int Count(IEnumerable<ScriptNode> nodes, ScriptKind kind) => nodes.Count(node => node.Kind == kind);
        Assert.Equal((20, 17, 8), (Count(folded, ScriptKind.Convolution), Count(folded, ScriptKind.Relu), Count(folded, ScriptKind.Add)));
        Assert.Equal((20, 0, 0), (Count(packed, ScriptKind.Convolution), Count(packed, ScriptKind.Relu), Count(packed, ScriptKind.Add)));
    }

    [Fact]
    public void AnySize_MayBeEmbedded_UnlessOneWasGiven()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        using InferenceModel fast = new(model), fixedSize = new(model, 64, 32);
        Assert.Equal(model.EmbeddingDimension, fast.EmbeddingDimension);
        foreach (var (height, width) in new[] { (64, 32), (80, 48), (33, 57) })
        {
            var images = randn(2, 3, height, width);
            AssertNear(model.Embed(images), fast.Embed(images), 1e-5);
        }
        var other = Assert.Throws<ArgumentException>(() => fixedSize.Embed(zeros(2, 3, 80, 32)));
        Assert.Contains("64 x 32 pixels, got [2, 3, 80, 32]", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheCopy_DoesNotFollowTheModel_AndOutlivesIt()
    {
        using var scope = NewDisposeScope();
        var model = Trained(new EmbeddingModel(OSNet.X025()));
        var images = randn(2, 3, 64, 32);
        var before = model.Embed(images);
        using var fast = new InferenceModel(model);
        using (no_grad())
            foreach (var parameter in model.parameters()) parameter.zero_();
        model.train();
        AssertNear(before, fast.Embed(images), 1e-5);
        model.Dispose();
        AssertNear(before, fast.Embed(images), 1e-5);
    }

    [Fact]
    public void OtherTypesThanFloat32_RunInPlainOperations()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        model.to(ScalarType.Float64);
        using var fast = new InferenceModel(model);
        var images = randn(2, 3, 64, 32).to(ScalarType.Float64);
        var embeddings = fast.Embed(images);
        Assert.Equal(ScalarType.Float64, embeddings.dtype);
        AssertNear(model.Embed(images), embeddings, 1e-12);
    }

    [Fact]
    public void ManyThreads_MayEmbedAtOnce()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        using var fast = new InferenceModel(model);
        var images = Enumerable.Range(0, 4).Select(_ => randn(2, 3, 64, 32)).ToArray();
        var expected = images.Select(model.Embed).ToArray();
        Parallel.For(0, images.Length, new() { MaxDegreeOfParallelism = images.Length }, thread =>
        {
            for (var call = 0; call < 5; call++)
            {
                using var inner = NewDisposeScope();
                AssertNear(expected[thread], fast.Embed(images[thread]), 1e-5);
            }
        });
    }

    [Fact]
    public void AnExtractor_TakesTheCopy()
    {
        using var scope = NewDisposeScope();
        using var model = Trained(new EmbeddingModel(OSNet.X025()));
        using var fast = new InferenceModel(model);
        var images = randn(2, 3, 64, 32);
        AssertNear(new FeatureExtractor(model) { Flip = true }.Extract(images), new FeatureExtractor(fast) { Flip = true }.Extract(images),
            1e-5);
        Assert.Throws<ArgumentNullException>("model", () => new FeatureExtractor((InferenceModel)null!));
    }

    [Fact]
    public void Mistakes_AreNamed()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025());
        using var fast = new InferenceModel(model);
        Assert.Throws<ArgumentNullException>("images", () => fast.Embed(null!));
        Assert.Contains("got [3, 64, 32]", Assert.Throws<ArgumentException>(() => fast.Embed(zeros(3, 64, 32))).Message,
            StringComparison.Ordinal);
        Assert.Contains("at least 13 pixels", Assert.Throws<ArgumentException>(() => fast.Embed(zeros(1, 3, 8, 32))).Message,
            StringComparison.Ordinal);
        Assert.Contains("Float32", Assert.Throws<ArgumentException>(() => fast.Embed(zeros(1, 3, 64, 32, ScalarType.Float64))).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>("height", () => new InferenceModel(model, 8, 32));
        Assert.Throws<ArgumentNullException>("model", () => new InferenceModel((EmbeddingModel)null!));
        using var transformer = new EmbeddingModel(VisionTransformer.Tiny(64, 32));
        Assert.Contains("give the height and the width",
            Assert.Throws<NotSupportedException>(() => new InferenceModel(transformer)).Message, StringComparison.Ordinal);
    }

    private static readonly Dictionary<string, Func<EmbeddingModel>> heads = new()
    {
        ["torchreid's layer of 512"] = () => EmbeddingModel.TorchReId(OSNet.X025(), classes: 5),
        ["GeM and BNNeck"] = () => new EmbeddingModel(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes: 5),
        ["maxima, L2"] = () => new EmbeddingModel(OSNet.X025(), new GlobalMaxPooling(), new L2Normalize()),
        ["means and maxima"] = () => new EmbeddingModel(OSNet.X025(), new AverageMaxPooling()),
    };

    /// <summary>Sets random statistics, scales and biases, so that batch norms are not the identity. Returns the model in evaluation
    /// mode.</summary>
    private static T Trained<T>(T model) where T : nn.Module
    {
        random.manual_seed(5);
        using var noGradient = no_grad();
        foreach (var (name, buffer) in model.named_buffers())
            if (name.EndsWith("running_mean", StringComparison.Ordinal)) buffer.normal_(0, 0.2);
            else if (name.EndsWith("running_var", StringComparison.Ordinal)) buffer.uniform_(0.5, 1.5);
        foreach (var (name, parameter) in model.named_parameters())
            if (parameter.dim() == 1 && name.EndsWith("weight", StringComparison.Ordinal)) parameter.uniform_(0.5, 1.5);
            else if (parameter.dim() == 1 && name.EndsWith("bias", StringComparison.Ordinal)) parameter.normal_(0, 0.2);
        model.eval();
        return model;
    }

    /// <summary>oneDNN counts the numbers of a batch in 32 bits. It ended the process if there were more.</summary>
    [Theory]
    [InlineData(32, int.MaxValue)]
    [InlineData(65535, 65535)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void ImagesThatAreTooLargeToPackFor_DoNotEndTheProcess(int height, int width)
    {
        using var model = new EmbeddingModel(ResNet.ResNet18());
        model.eval();
        using var copy = new InferenceModel(model, height, width);
        Assert.Equal(512, copy.EmbeddingDimension);
    }

    private static void AssertSame(nn.Module model, Func<Tensor, Tensor> embed, Func<InferenceModel> copy, long channels, long height,
        long width)
    {
        using var fast = copy();
        var images = randn(3, channels, height, width);
        foreach (var count in new[] { 1, 2 })
        {
            using var threads = new TorchThreads(count);
            var live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            var embeddings = fast.Embed(images);
            Assert.Equal(live + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            Assert.False(embeddings.requires_grad);
            Assert.False(model.training);
            AssertNear(embed(images), embeddings, 1e-5);
            // A batch of one image uses weights that are packed for it.
            var first = images.narrow(0, 0, 1);
            AssertNear(embed(first), fast.Embed(first), 1e-5);
        }
    }

    private static void AssertNear(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        var largest = expected.abs().max().to(ScalarType.Float64).item<double>();
        Assert.InRange((expected - actual).abs().max().to(ScalarType.Float64).item<double>() / largest, 0, tolerance);
        Assert.True(largest > 0);
    }
}
