using MetricLearning.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

[LeavesNoTensors]
public class WeightLoadingTests
{
    [Fact]
    public void Report_ListsMatchedMissingUnexpectedAndMismatched()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(("a", nn.Linear(3, 2)), ("b", nn.BatchNorm1d(2)));
        var weights = new Dictionary<string, Tensor>
        {
            ["a.weight"] = ones(2, 3), ["a.bias"] = ones(5), ["b.weight"] = full([2], 4f, ScalarType.Float16), ["c.weight"] = ones(1),
                ["head.weight"] = ones(1),
            ["c.num_batches_tracked"] = tensor(3L),
        };
        static string? Rename(string name) => name.StartsWith("head", StringComparison.Ordinal) ? null : name;

        var report = model.LoadWeights(weights, strict: false, rename: Rename);
        Assert.Equal(["a.weight", "b.weight"], report.Matched.Order(StringComparer.Ordinal));
        Assert.Equal(["b.bias", "b.running_mean", "b.running_var"], report.Missing.Order(StringComparer.Ordinal));
        Assert.Equal(["c.weight"], report.Unexpected);
        Assert.Equal(["head.weight"], report.LeftOut);
        var mismatch = Assert.Single(report.Mismatched);
        Assert.Equal(("a.bias", 5L, 2L), (mismatch.Name, mismatch.FileShape.Single(), mismatch.ModelShape.Single()));
        Assert.False(report.IsExact);
        Assert.StartsWith(
            "2 tensors loaded, 3 missing in the file, 1 unexpected, 1 of another shape, 1 left out\n  missing in the file:\n    ",
            report.ToString());
        Assert.Contains("\n  of another shape:\n    a.bias: [5] in the file, [2] in the model\n", report.ToString());

        var state = model.state_dict();
        Assert.Equal(1, state["a.weight"].min().ToDouble());
        Assert.Equal(4, state["b.weight"].min().ToDouble());
        Assert.Equal(ScalarType.Float32, state["b.weight"].dtype);
        Assert.True(state["a.weight"].requires_grad);
    }

    [Fact]
    public void Strict_ThatFails_LeavesTheModelUntouched()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(("a", nn.Linear(3, 2)));
        var before = model.state_dict()["a.weight"].clone();
        var error = Assert.Throws<InvalidDataException>(() => model.LoadWeights(new Dictionary<string,
            Tensor> { ["a.weight"] = ones(2, 3) }));
        Assert.StartsWith("The weights do not fit the model, which stays as it was. LoadWeights with strict: false loads those that do: "
            + "1 tensor matched, 1 missing", error.Message);
        Assert.True(before.Equals(model.state_dict()["a.weight"]));
    }

    [Fact]
    public void ModulePrefix_OfAllNames_IsRemoved()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(("a", nn.Linear(3, 2)));
        var weights = new Dictionary<string, Tensor> { ["module.a.weight"] = ones(2, 3), ["module.a.bias"] = ones(2) };
        Assert.True(model.LoadWeights(weights).IsExact);
        weights["b"] = ones(1);
        Assert.Throws<InvalidDataException>(() => model.LoadWeights(weights));
        Assert.Equal(2, model.LoadWeights(weights, strict: false, rename: WeightNames.WithoutPrefix("module.")).Matched.Count);
    }

    // The wrappers that publishers leave around a backbone, with or without a classifier next to it.
    [Theory]
    [InlineData("", "")]
    [InlineData("module.", "module.")]
    [InlineData("model.", "model.")]
    [InlineData("base.", "")]
    [InlineData("module.base.", "module.")]
    [InlineData("module.model.backbone.", "module.model.")]
    [InlineData("backbone.", "")]
    [InlineData("net.backbone.", "net.")]
    public void Wrappers_OfTheBackbone_AreRecognized(string backbonePrefix, string classifierPrefix)
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(OSNet.X025(), classes: 3);
        const string Own = "backbone.";
        var values = OtherValues(model);
        var weights = values.ToDictionary(named => named.Key.StartsWith(Own, StringComparison.Ordinal)
            ? backbonePrefix + named.Key[Own.Length..] : classifierPrefix + named.Key, named => named.Value);
        Assert.True(model.LoadWeights(weights).IsExact);
        Holds(model, values);
        using var backbone = OSNet.X025();
        Assert.Equal(backbone.state_dict().Count, backbone.LoadWeights(weights, strict: false).Matched.Count);
        Holds(backbone, backbone.state_dict().ToDictionary(named => named.Key, named => values[Own + named.Key]));
    }

    /// <summary>Values for each tensor of a model that no other tensor has. So a test sees two tensors of one shape that are
    /// swapped.</summary>
    private static Dictionary<string, Tensor> OtherValues(nn.Module model) =>
        model.state_dict().ToDictionary(named => named.Key, named => randint(1 << 24, named.Value.shape, named.Value.dtype));

    private static void Holds(nn.Module model, Dictionary<string, Tensor> values) =>
        Assert.All(model.state_dict(), named => Assert.True(values[named.Key].Equals(named.Value), named.Key));

    [Fact]
    public void Names_ThatAreSimilar_AreReportedTogether()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(("layer", nn.Linear(3, 2)));
        var weights = new Dictionary<string, Tensor> { ["layer.wieght"] = ones(2, 3), ["layer.bias"] = ones(2), ["other"] = ones(1) };
        var text = model.LoadWeights(weights, strict: false).ToString();
        Assert.Contains("\n  missing in the file:\n    layer.weight (near: layer.wieght)\n", text);
        Assert.Contains("\n  unexpected in the file:\n    layer.wieght (near: layer.weight)\n    other", text);
    }

    [Fact]
    public void Names_OfFastReidAndOfStrongBaseline_GoToTheModel()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(ResNet.ResNet50(lastStride: 1, nonLocal: true), new GeMPooling(), new BNNeck(2048),
            classes: 4);
        var values = OtherValues(model);
        var fastReId = values.ToDictionary(named => named.Key switch
        {
            "pooling.p" => "heads.pool_layer.p",
            "classifier.weight" => "heads.weight",
            var name when name.StartsWith("neck.bn.", StringComparison.Ordinal) => "heads.bottleneck.0." + name["neck.bn.".Length..],
            var name => name,
        }, named => named.Value);
        fastReId["pixel_mean"] = zeros(1, 3, 1, 1);
        var report = model.LoadWeights(fastReId, rename: WeightNames.FastReId());
        Assert.Equal(["pixel_mean"], report.LeftOut);
        Assert.Equal(values.Count, report.Matched.Count);
        Holds(model, values);
        Assert.Equal(["classifier.weight"], model.LoadWeights(fastReId, strict: false,
            rename: WeightNames.FastReId(classifier: false)).Missing);

        values = OtherValues(model);
        var baseline = values.ToDictionary(named => named.Key switch
        {
            "pooling.p" => "global_pool.p",
            var name when name.StartsWith("neck.bn.", StringComparison.Ordinal) => "bottleneck." + name["neck.bn.".Length..],
            var name when name.StartsWith("backbone.NL", StringComparison.Ordinal) =>
                "base." + name["backbone.".Length..].Replace(".g.", ".g.0.", StringComparison.Ordinal),
            var name when name.StartsWith("backbone.", StringComparison.Ordinal) => "base." + name["backbone.".Length..],
            var name => name,
        }, named => named.Value);
        Assert.True(model.LoadWeights(baseline, rename: WeightNames.StrongBaseline()).IsExact);
        Holds(model, values);

        values = OtherValues(model);
        var wrapped = values.ToDictionary(named => "module." + named.Key, named => named.Value);
        Assert.True(model.LoadWeights(wrapped, rename: WeightNames.Own()).IsExact);
        Holds(model, values);
        Assert.Equal(["module.classifier.weight"], model.LoadWeights(wrapped, strict: false,
            rename: WeightNames.Own(classifier: false)).LeftOut);
    }

    [Fact]
    public void BatchCounter_IsLoadedIfPresent_AndNotReportedIfAbsent()
    {
        using var scope = NewDisposeScope();
        using var model = nn.BatchNorm1d(2);
        var weights = new Dictionary<string, Tensor> { ["weight"] = ones(2), ["bias"] = ones(2), ["running_mean"] = ones(2),
            ["running_var"] = ones(2) };
        Assert.True(model.LoadWeights(weights).IsExact);
        weights["num_batches_tracked"] = tensor(41L);
        Assert.Equal(5, model.LoadWeights(weights).Matched.Count);
        Assert.Equal(41, model.state_dict()["num_batches_tracked"].ToInt64());
    }

    [Fact]
    public void TwoNamesForOne_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(3, 2);
        var weights = new Dictionary<string, Tensor> { ["weight"] = ones(2, 3), ["module.weight"] = ones(2, 3) };
        var error = Assert.Throws<InvalidDataException>(() => model.LoadWeights(weights, strict: false,
            rename: WeightNames.WithoutPrefix("module.")));
        Assert.Equal("'weight' and 'module.weight' are both renamed to 'weight'.", error.Message);
    }

    [Fact]
    public void Names_OfTorchvision_GoToTheBackboneWithoutTheClassifier()
    {
        using var scope = NewDisposeScope();
        using var backbone = ResNet.ResNet18();
        using var model = new EmbeddingModel(ResNet.ResNet18(lastStride: 1), neck: new BNNeck(512), classes: 5);
        var weights = backbone.state_dict();
        weights["fc.weight"] = zeros(1000, 512);
        weights["fc.bias"] = zeros(1000);
        var report = model.LoadWeights(weights, strict: false, rename: WeightNames.Torchvision());
        Assert.Equal(120, report.Matched.Count);
        Assert.Equal(["fc.weight", "fc.bias"], report.LeftOut);
        Assert.All(report.Missing, name => Assert.False(name.StartsWith("backbone", StringComparison.Ordinal)));
        Assert.True(model.state_dict()["backbone.layer4.1.conv2.weight"].Equals(weights["layer4.1.conv2.weight"]));
    }

    [Fact]
    public void LoadWeights_OfAFileWithoutWeights_SaysSo()
    {
        using var model = nn.Linear(3, 2);
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "<html>not found</html>");
            Assert.EndsWith("is neither a PyTorch file nor a safetensors file.",
                Assert.Throws<InvalidDataException>(() => model.LoadWeights(path)).Message);
        }
        finally
        {
            File.Delete(path);
        }
        Assert.Throws<FileNotFoundException>(() => model.LoadWeights(path));
    }

    // The prefixes that compilers, frameworks and self-supervised training put before the names. Such files may also have a second branch
    // and a queue.
    [Theory]
    [InlineData("_orig_mod.")]
    [InlineData("_orig_mod.module.")]
    [InlineData("encoder.")]
    [InlineData("module.encoder_q.")]
    [InlineData("student.backbone.")]
    [InlineData("feature_extractor.")]
    [InlineData("a.b.c.d.e.f.")]
    public void AnyCommonPrefix_IsRecognized(string prefix)
    {
        using var scope = NewDisposeScope();
        using var backbone = OSNet.X025();
        var state = backbone.state_dict();
        var alone = state.ToDictionary(named => prefix + named.Key, named => named.Value + 1);
        Assert.True(backbone.LoadWeights(alone).IsExact);
        using var model = new EmbeddingModel(OSNet.X025());
        Assert.True(model.LoadWeights(alone).IsExact);
        Assert.True((state["conv1.conv.weight"]).Equals(model.state_dict()["backbone.conv1.conv.weight"]));

        // If two branches fit equally well, the first one in the file is used.
        var both = new Dictionary<string, Tensor>(alone) { ["queue"] = ones(4) };
        foreach (var (name, value) in state) both[$"momentum.{name}"] = value - 7;
        var report = model.LoadWeights(both, strict: false);
        Assert.Equal(state.Count, report.Matched.Count);
        Assert.Contains("queue", report.Unexpected);
        Assert.True((state["conv1.conv.weight"]).Equals(model.state_dict()["backbone.conv1.conv.weight"]));
    }

    [Fact]
    public void APrefixThatFitsByNameAlone_IsNotTaken()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Linear(3, 2);
        var weights = new Dictionary<string, Tensor>
        {
            ["first.weight"] = ones(7, 7), ["first.bias"] = ones(7), ["last.weight"] = full([2, 3], 5f), ["last.bias"] = ones(2),
        };
        Assert.Equal(2, model.LoadWeights(weights, strict: false).Matched.Count);
        Assert.Equal(5, model.state_dict()["weight"].min().ToDouble());
    }

    [Fact]
    public void BatchCounters_OfAnotherShape_AreNotReportedAsMismatched()
    {
        using var scope = NewDisposeScope();
        using var model = nn.BatchNorm1d(2);
        var weights = model.state_dict().ToDictionary(named => named.Key, named => named.Value);
        weights["num_batches_tracked"] = arange(41, 42);
        Assert.True(model.LoadWeights(weights).IsExact);
        Assert.Equal(41, model.state_dict()["num_batches_tracked"].ToInt64());
        weights["num_batches_tracked"] = arange(1, 3);
        Assert.True(model.LoadWeights(weights).IsExact);
        Assert.Equal(41, model.state_dict()["num_batches_tracked"].ToInt64());
    }

    /// <summary>A list that counts how often an element is looked at.</summary>
    private sealed class CountingList(int count, Func<int, string> name) : IReadOnlyList<string>
    {
        public int Looks { get; private set; }
        public int Count => count;
        public string this[int index] { get { Looks++; return name(index); } }
        public IEnumerator<string> GetEnumerator() { for (var i = 0; i < count; i++) yield return this[i]; }
        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    // An earlier version compared all missing with all unexpected names to find similar ones, twice. This took 17 seconds for a wrong
    // model.
    [Fact]
    public void TheReportOfAWrongModel_ComparesFewNames()
    {
        var missing = new CountingList(5_000, i => $"backbone.layer{i / 50}.{i % 50}.conv.weight");
        var unexpected = new CountingList(5_000, i => $"blocks.{i}.attention.weight");
        var report = new WeightReport { Matched = [], Missing = missing, Unexpected = unexpected, Mismatched = [], LeftOut = [] };
        Assert.Contains("    and 4988 more", report.ToString());
        Assert.InRange(missing.Looks + unexpected.Looks, 1, 10_000);
    }

    [Fact]
    public void WeightsOfASectionThatDoNotFit_SayWhatElseTheFileHas()
    {
        using var scope = NewDisposeScope();
        var path = Path.GetTempFileName();
        try
        {
            var builder = new TorchFileBuilder().Dictionary(b => b
                .Text("model").Dictionary(d => d.Text("w").Tensor("0", 2, [2], [1]))
                .Text("ema").Dictionary(d => d.Text("bias").Tensor("0", 2, [2], [1])));
            File.WriteAllBytes(path, builder.Floats("0", 3, 4).Archive());
            using var model = nn.LayerNorm(2);
            var error = Assert.Throws<InvalidDataException>(() => model.LoadWeights(path));
            Assert.StartsWith($"{path}: The weights do not fit the model", error.Message);
            Assert.EndsWith("\n  the file's section model (1 tensor) was read; it also has ema (1 tensor)", error.Message);
            Assert.Equal(["bias"], model.LoadWeights(path, strict: false, section: "ema").Matched);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
