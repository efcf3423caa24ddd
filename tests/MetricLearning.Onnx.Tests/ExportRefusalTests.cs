using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Onnx.Tests;

/// <summary>Tests that an export that is not possible names the reason and writes nothing.</summary>
[LeavesNoTensors]
public sealed class ExportRefusalTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("onnx").FullName;

    private string File => Path.Combine(folder, "network.onnx");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void ALayerWithoutADescription_IsNamedByItsPath()
    {
        using var scope = NewDisposeScope();
        using var model = nn.Sequential(("first", nn.Conv2d(3, 4, 3L)), ("rest", nn.Sequential(("odd", nn.Tanh()))));
        Fails<NotSupportedException>(() => OnnxFile.Export(model, File),
            "Sequential cannot become a graph because of its layer 'rest.odd' (Tanh)", nameof(IGraphLayer));
    }

    [Fact]
    public void ANetworkOfOneSize_NeedsIt()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(VisionTransformer.Tiny(64, 32));
        Fails<NotSupportedException>(() => OnnxFile.Export(model, File), "'backbone' (VisionTransformer)", "the height and the width");
    }

    [Fact]
    public void ATransformerWithSideInformationAlone_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = VisionTransformer.Tiny(64, 32, sides: 2);
        Fails<NotSupportedException>(() => OnnxFile.Export(model, File, new() { Space = new() { Height = 64, Width = 32 } }),
            "needs side information");
    }

    [Fact]
    public void OptionsThatDoNotFit_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var model = new EmbeddingModel(new ConvNet4(), classes: 3);
        void Refused(OnnxOptions options, params string[] parts) =>
            Fails<ArgumentException>(() => OnnxFile.Export(model, File, options), parts);
        Refused(new() { Space = new() { Height = 28 } }, "a height and a width or neither");
        Refused(new() { Space = new() { Height = 28, Width = 15 } }, "at least 16", "ConvNet4", "28 and 15");
        Refused(new() { Preprocess = true, Space = new() { Mean = [0.5f] } }, "a deviation of 1 numbers", "none");
        Refused(new() { Preprocess = true, Space = new() { Mean = [1, 2, 3], Deviation = [1] } }, "a mean of 1 numbers", "got 3");
        Refused(new() { Outputs = ["logit"] }, "embedding, features, logits", "'logit'");
        Refused(new() { Outputs = ["logits"], ClassNames = ["a", "b"] }, "each of 3 classes, got 2");
        Refused(new() { Space = new() { Dimension = 7 } }, "dimension is 7");
        Refused(new() { Space = new() { Fingerprint = "ab" } }, "fingerprint is ab");
    }

    [Fact]
    public void AFailedExport_LeavesTheOldFile()
    {
        using var scope = NewDisposeScope();
        System.IO.File.WriteAllText(File, "old");
        using var model = nn.Sequential(("odd", nn.Tanh()));
        Assert.Throws<NotSupportedException>(() => OnnxFile.Export(model, File));
        Assert.Equal("old", System.IO.File.ReadAllText(File));
        Assert.Single(Directory.GetFiles(folder));
    }

    [Fact]
    public void SettingsAreCheckedWhenTheyAreSet()
    {
        Assert.Throws<ArgumentException>(() => new OnnxOptions { Outputs = [] });
        Assert.Throws<ArgumentException>(() => new OnnxOptions { Outputs = ["a", "a"] });
        Assert.Throws<ArgumentException>(() => new OnnxOptions { ClassNames = [null!] });
        Assert.Throws<ArgumentException>(() => new OnnxOptions { ClassNames = ["a\ud800"] });
        Assert.Throws<ArgumentNullException>(() => new OnnxOptions { Space = null! });
    }

    [Fact]
    public void TheSpaceOfAnotherModel_IsRefused_AndTheMessageSaysWhatToLeaveOut()
    {
        using var model = new EmbeddingModel(new ConvNet4());
        Fails<ArgumentException>(() => OnnxFile.Export(model, "never.onnx", new() { Space = new() { Fingerprint = "AB" } }),
            "options.Space must be the space of this model, but fingerprint is AB in options.Space and ",
            "leave it out: options.Space with { Fingerprint = null }.");
        Fails<ArgumentException>(() => OnnxFile.Export(model, "never.onnx", new() { Space = new() { Dimension = 3 } }),
            "but dimension is 3 in options.Space and 64 of the model.");
        Assert.False(System.IO.File.Exists("never.onnx"));
    }

    private void Fails<T>(Action act, params string[] parts) where T : Exception
    {
        var error = Assert.ThrowsAny<T>(act);
        foreach (var part in parts) Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder));
    }
}
