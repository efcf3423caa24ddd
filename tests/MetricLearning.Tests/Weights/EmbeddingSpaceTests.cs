using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

public class EmbeddingSpaceTests
{
    private static EmbeddingSpace Whole => new()
    {
        Architecture = "osnet_x1_0", Layer = "embedding", Dimension = 512, Height = 256, Width = 128, Interpolation = "bilinear",
        Mean = [0.485f, 0.456f, 0.406f], Deviation = [0.229f, 0.224f, 0.225f], Normalized = true, Distance = "cosine", Fingerprint = "AB",
    };

    /// <summary>A file would replace half of a surrogate pair, and two spaces could become equal.</summary>
    [Fact]
    public void HalfOfASurrogatePair_IsRefused()
    {
        const string half = "cut \ud83d";
        foreach (var (name, make) in new (string, Action)[]
        {
            (nameof(EmbeddingSpace.Architecture), () => _ = new EmbeddingSpace { Architecture = half }),
            (nameof(EmbeddingSpace.Layer), () => _ = new EmbeddingSpace { Layer = half }),
            (nameof(EmbeddingSpace.Interpolation), () => _ = new EmbeddingSpace { Interpolation = half }),
            (nameof(EmbeddingSpace.Distance), () => _ = new EmbeddingSpace { Distance = half }),
            (nameof(EmbeddingSpace.Fingerprint), () => _ = new EmbeddingSpace { Fingerprint = half }),
        })
            Assert.StartsWith($"{name} must be valid Unicode, but 'cut \\ud83d'", Assert.Throws<ArgumentException>(make).Message,
                StringComparison.Ordinal);
        var whole = new EmbeddingSpace { Architecture = "\ud83d\ude00" };
        Assert.Equal(whole, EmbeddingSpace.Parse(whole.ToJson()));
        Assert.Throws<InvalidDataException>(() => EmbeddingSpace.Parse("{\"architecture\":\"\\ud83d\"}"));
    }

    [Fact]
    public void Json_RoundTrips_WithAndWithoutEachMember()
    {
        foreach (var space in new[]
            { Whole, new EmbeddingSpace(), Whole with { Height = null, Mean = null }, new() { Normalized = false } })
        {
            Assert.Equal(space, EmbeddingSpace.Parse(space.ToJson()));
            Assert.Equal(space.GetHashCode(), EmbeddingSpace.Parse(space.ToJson()).GetHashCode());
        }
        Assert.Equal("""{"layer":"embedding","height":256,"mean":[0.5],"normalized":true}""",
            new EmbeddingSpace { Layer = "embedding", Height = 256, Mean = [0.5f], Normalized = true }.ToJson());
        Assert.NotEqual(Whole, Whole with { Deviation = [1, 1, 1] });
        Assert.Equal(Whole, EmbeddingSpace.Parse(Whole.ToJson()[..^1] + ",\"later\":3}"));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"height":"tall"}""")]
    [InlineData("""{"height":-1}""")]
    [InlineData("""{"mean":[null]}""")]
    [InlineData("""{"deviation":[0]}""")]
    public void Json_OfSomethingElse_IsRefused(string json) => Assert.StartsWith("The record of the embedding space cannot be read: ",
        Assert.Throws<InvalidDataException>(() => EmbeddingSpace.Parse(json)).Message);

    [Fact]
    public void Agree_Completes_AndRefusesEachContradictionWithBothValues()
    {
        var left = new EmbeddingSpace { Height = 256, Mean = [0.5f] };
        var right = new EmbeddingSpace { Width = 128, Mean = [0.5f], Distance = "cosine" };
        Assert.Equal(new EmbeddingSpace { Height = 256, Width = 128, Mean = [0.5f], Distance = "cosine" }, left.Agree(right));
        Assert.Equal(left.Agree(right), right.Agree(left));
        Assert.Equal(Whole, Whole.Agree(new EmbeddingSpace()));
        Assert.Equal(Whole, new EmbeddingSpace().Agree(Whole));
        foreach (var (other, message) in new (EmbeddingSpace, string)[]
            {
                (new() { Architecture = "resnet50" }, "architecture is osnet_x1_0 here and resnet50 there"),
                (new() { Layer = "fc" }, "layer is embedding here and fc there"),
                (new() { Dimension = 8 }, "dimension is 512 here and 8 there"),
                (new() { Height = 384, Width = 192 }, "height is 256 here and 384 there; width is 128 here and 192 there"),
                (new() { Interpolation = "bicubic" }, "interpolation is bilinear here and bicubic there"),
                (new() { Mean = [0.5f, 0.5f, 0.5f] }, "mean is [0.485, 0.456, 0.406] here and [0.5, 0.5, 0.5] there"),
                (new() { Deviation = [1] }, "deviation is [0.229, 0.224, 0.225] here and [1] there"),
                (new() { Normalized = false }, "normalized is True here and False there"),
                (new() { Distance = "euclidean" }, "distance is cosine here and euclidean there"),
                (new() { Fingerprint = "CD" }, "fingerprint is AB here and CD there"),
            })
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Whole.Agree(other)).Message);
    }
}

/// <summary>Tests models from training to serving.</summary>
[LeavesNoTensors]
public sealed class InferenceFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("inference").FullName;
    private readonly EmbeddingSpace asked = new() { Height = 64, Width = 32, Normalized = true, Distance = "cosine" };

    private string FilePath => Path.Combine(folder, "model.safetensors");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Finish_MakesVectorsOfTheSpace()
    {
        using var scope = NewDisposeScope();
        const float huge = 1.2676506e30f;       // 2¹⁰⁰; its square does not fit into float32
        var output = tensor(new[] { 3, 4, 0, 1e-40f, 0.6f, 0.8f, 3 * huge, 4 * huge }).reshape(4, 2);
        var normal = new EmbeddingSpace { Normalized = true, Dimension = 2 };
        float[] expected = [0.6f, 0.8f, 0, 1, 0.6f, 0.8f, 0.6f, 0.8f];
        var finished = normal.Finish(output);
        Assert.Equal(expected, finished.data<float>().ToArray());
        Assert.Equal(expected, normal.Finish(finished).data<float>().ToArray());
        for (var i = 0; i < 4; i++) Assert.Equal(expected[(2 * i)..(2 * i + 2)], normal.Finish(output[i].data<float>().ToArray()));
        Assert.True(output.Equals(new EmbeddingSpace().Finish(output)));
        Assert.Equal(ScalarType.Float16, normal.Finish(rand(2, 2).to(ScalarType.Float16)).dtype);

        Assert.Contains("must have 2", Assert.Throws<ArgumentException>("output", () => normal.Finish(rand(2, 3))).Message);
        Assert.Throws<ArgumentException>("output", () => normal.Finish(new float[3]));
        Assert.Contains("in row 1", Assert.Throws<ArgumentException>("output",
            () => normal.Finish(tensor(new[] { 1, 2, 3, float.NaN }).reshape(2, 2))).Message);
        Assert.Contains("index 1", Assert.Throws<ArgumentException>("output", () => normal.Finish([1, float.NaN])).Message);
        Assert.Contains("row 1 are all zeros", Assert.Throws<ArgumentException>("output",
            () => normal.Finish(tensor(new[] { 1, 2, 0, -0f }).reshape(2, 2))).Message);
        Assert.Contains("zeros alone", Assert.Throws<ArgumentException>("output", () => normal.Finish([0, -0f])).Message);
        Assert.Equal([0, 0], new EmbeddingSpace().Finish(zeros(1, 2)).data<float>().ToArray());
        Assert.Equal([0, 0], new EmbeddingSpace().Finish([0, 0]));
    }

    [Fact]
    public void SavedForInference_ItKnowsWhatItsEmbeddingsAre()
    {
        using var scope = NewDisposeScope();
        using var trained = Model(classes: 7);
        using var served = Model(classes: 0);
        using var other = Model(classes: 3);
        trained.eval();
        trained.SaveForInference(FilePath, asked);
        var space = served.LoadForInference(FilePath);
        Assert.Equal(asked with { Layer = "embedding", Dimension = 128, Fingerprint = space.Fingerprint }, space);
        Assert.Equal(space, EmbeddingSpace.Read(FilePath));
        Assert.Equal(64, space.Fingerprint!.Length);
        var images = rand(2, 3, 64, 32);
        Assert.True(trained.Embed(images).Equals(served.Embed(images)));

        // A model with a classifier keeps it. It is not a contradiction to ask for values that the file states, or for values that it does
        // not state.
        var before = other.state_dict()["classifier.weight"].clone();
        Assert.Equal("osnet", other.LoadForInference(FilePath, new() { Height = 64, Architecture = "osnet" }).Architecture);
        Assert.True(before.Equals(other.state_dict()["classifier.weight"]));
        Assert.True(trained.Embed(images).Equals(other.Embed(images)));

        // Saving the served model again gives the same file; its fingerprint is that of the weights.
        var bytes = File.ReadAllBytes(FilePath);
        served.SaveForInference(FilePath, space);
        Assert.Equal(bytes, File.ReadAllBytes(FilePath));
        string Refused(EmbeddingSpace given) =>
            Assert.Throws<ArgumentException>("space", () => other.SaveForInference(FilePath, given)).Message;
        Assert.StartsWith("space must be the space of this model, but fingerprint is AB in space and "
            + $"{space.Fingerprint} of the model. The model itself says this, so leave it out: space with {{ Fingerprint = null }}.",
            Refused(space with { Fingerprint = "AB" }));
        Assert.StartsWith("space must be the space of this model, but dimension is 3 in space and 128 of the model. ",
            Refused(space with { Dimension = 3 }));
    }

    [Fact]
    public void LoadForInference_RefusesContradictionsAndChanges_AndTheModelStays()
    {
        using var scope = NewDisposeScope();
        using var model = Model(classes: 0);
        using var served = Model(classes: 0);
        model.SaveForInference(FilePath, asked);
        var before = EmbeddingSpace.FingerprintOf(served.state_dict());
        Assert.Equal($"{FilePath}: Its embedding space is not the expected one: height is 64 in the file and 256 as asked for; "
            + "distance is cosine in the file and euclidean as asked for.", Assert.Throws<InvalidDataException>(
                () => served.LoadForInference(FilePath, new() { Height = 256, Width = 32, Distance = "euclidean" })).Message);

        var bytes = File.ReadAllBytes(FilePath);
        bytes[^1] ^= 1;
        File.WriteAllBytes(FilePath, bytes);
        Assert.StartsWith($"{FilePath}: Its weights were changed after it was written",
            Assert.Throws<InvalidDataException>(() => served.LoadForInference(FilePath)).Message);

        SafeTensors.Write(FilePath, model.state_dict());
        Assert.StartsWith($"{FilePath}: It has no embedding space",
            Assert.Throws<InvalidDataException>(() => served.LoadForInference(FilePath)).Message);
        Assert.Null(EmbeddingSpace.Read(FilePath));

        var weights = model.state_dict();
        SafeTensors.Write(FilePath, weights, new Dictionary<string, string>
        {
            [EmbeddingSpace.MetadataKey] = (asked with { Dimension = 64, Fingerprint = EmbeddingSpace.FingerprintOf(weights) }).ToJson(),
        });
        Assert.Equal($"{FilePath}: Its embedding space has embeddings of 64 numbers, but the model gives 128.",
            Assert.Throws<InvalidDataException>(() => served.LoadForInference(FilePath)).Message);

        using var another = new EmbeddingModel(OSNet.X025());
        another.SaveForInference(FilePath, asked);
        Assert.StartsWith($"{FilePath}: The weights do not fit the model",
            Assert.Throws<InvalidDataException>(() => served.LoadForInference(FilePath)).Message);
        Assert.Equal(before, EmbeddingSpace.FingerprintOf(served.state_dict()));
    }

    [Fact]
    public void TrainingCheckpoint_LoadsIntoAModel_WithOrWithoutTheClassifier()
    {
        using var scope = NewDisposeScope();
        using var trained = Model(classes: 7);
        using var center = new CenterLoss(7, 128);
        using var adam = optim.Adam(trained.parameters());
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("loss", center);
        checkpoint.Add("model", trained);
        checkpoint.Add("optimizer", adam);
        checkpoint.Save(FilePath);

        using var whole = Model(classes: 7);
        Assert.True(whole.LoadWeights(FilePath).IsExact);
        Assert.Equal(EmbeddingSpace.FingerprintOf(trained.state_dict()), EmbeddingSpace.FingerprintOf(whole.state_dict()));
        using var served = Model(classes: 0);
        Assert.Equal(["classifier.weight"], served.LoadWeights(FilePath, rename: WeightNames.Own(classifier: false)).LeftOut);
        Assert.StartsWith($"{FilePath}: The weights do not fit the model", Assert.Throws<InvalidDataException>(
            () => served.LoadWeights(FilePath)).Message);
        using (var weights = WeightFile.Read(FilePath))
        {
            Assert.Equal(["model", "loss"], weights.Sections.Select(section => section.Path));
            Assert.Equal(trained.state_dict().Keys.Order(StringComparer.Ordinal), weights.Keys.Order(StringComparer.Ordinal));
        }
        using (var loss = WeightFile.Read(FilePath, "loss")) Assert.Equal(center.state_dict().Keys, loss.Keys);
        Assert.Equal(["model", "loss"], WeightFile.Sections(FilePath).Select(section => section.Path));
        Assert.StartsWith($"{FilePath}: Not a valid safetensors file: it has no dictionary 'modle'. Near names: model, loss",
            Assert.Throws<InvalidDataException>(() => WeightFile.Read(FilePath, "modle")).Message);
    }

    private static EmbeddingModel Model(int classes) => new(OSNet.X025(), new GeMPooling(), new BNNeck(128), classes);
}
