using MetricLearning.Testing;
using static TorchSharp.torch;

namespace MetricLearning.Tests;

/// <summary>Tests that a disposed model or tensor is named in an error, and that no file loses its weights.</summary>
[LeavesNoTensors]
public sealed class DisposedModelTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("disposed").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    public static TheoryData<string> Ways => ["checkpoint", "best", "inference", "average"];

    [Theory, MemberData(nameof(Ways))]
    public void ADisposedModel_ReplacesNoFile(string way)
    {
        var path = Path.Combine(folder, "model.safetensors");
        using var model = new EmbeddingModel(new ConvNet4(), classes: 3);
        using var average = new ModelAverage(model);
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("model", model);
        checkpoint.Add("loss", new TripletLoss());      // has no parameters, before and after
        Action save = way switch
        {
            "checkpoint" => () => checkpoint.Save(path),
            "best" => () => checkpoint.SaveLastAndBest(folder, 1),
            "inference" => () => model.SaveForInference(path, new EmbeddingSpace { Height = 32, Width = 32 }),
            _ => average.Update,
        };
        save();
        var before = Directory.GetFiles(folder).ToDictionary(file => file, File.ReadAllBytes);
        model.Dispose();
        Assert.Contains("disposed", Assert.Throws<ObjectDisposedException>(save).Message);
        Assert.Equal(before.Keys.Order(), Directory.GetFiles(folder).Order());
        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllBytes(file.Key)));
    }

    /// <summary>The error names the module. It does not say that the file does not fit.</summary>
    [Fact]
    public void ADisposedModule_IsNamed_WhenACheckpointIsLoaded()
    {
        var path = Path.Combine(folder, "model.safetensors");
        using var loss = new CenterLoss(3, 2);
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("loss", loss);
        checkpoint.Save(path);
        loss.Dispose();
        foreach (var load in new Action[] { () => checkpoint.Load(path), () => checkpoint.LoadModule(path, "loss") })
            Assert.Contains("CenterLoss has 0 parameters and buffers", Assert.Throws<ObjectDisposedException>(load).Message);
    }

    /// <summary>The sum had no tensors when it was added to the checkpoint, so their number does not tell.</summary>
    [Fact]
    public void ADisposedSum_WhoseLossesCameLater_ReplacesNoFile()
    {
        var path = Path.Combine(folder, "model.safetensors");
        using var sum = new LossSum();
        var checkpoint = new TrainingCheckpoint();
        checkpoint.Add("sum", sum);
        sum.Add("center", new CenterLoss(3, 2));
        checkpoint.Save(path);
        var before = File.ReadAllBytes(path);
        sum.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Save(path));
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Load(path));
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    [Fact]
    public void ADisposedTensor_IsNamed()
    {
        using var scope = NewDisposeScope();
        Tensor rows = rand(4, 3), labels = tensor(new long[] { 0, 0, 1, 1 }), gone = rand(4, 3), goneLabels = labels.clone();
        gone.Dispose();
        goneLabels.Dispose();
        using var loss = new TripletLoss();
        Assert.Equal("embeddings", Assert.Throws<ArgumentException>(() => loss.forward(gone, labels)).ParamName);
        Assert.Equal("labels", Assert.Throws<ArgumentException>(() => loss.forward(rows, goneLabels)).ParamName);
        Assert.Equal("y", Assert.Throws<ArgumentException>(() => Distance.Cosine.Matrix(rows, gone)).ParamName);
        Assert.Equal("features", Assert.Throws<ArgumentException>(() => new EmbeddingSet(gone, [0, 0, 1, 1])).ParamName);
        using var smooth = new LabelSmoothingCrossEntropyLoss();
        Assert.Equal("logits", Assert.Throws<ArgumentException>(() => smooth.forward(gone, labels)).ParamName);
    }
}
