using System.Text.Json;

namespace MetricLearning.Tests;

/// <summary>Tests that the sample's own checkpoint determines how it is evaluated.</summary>
[Collection(SmallRun.Tests.Name)]
public sealed class CheckpointSpaceTests(SmallRun run)
{
    private string Best => Path.Combine(run.Whole, TrainingCheckpoint.BestFile);

    [Fact]
    public void Evaluate_TakesNetworkSizeAndDistanceFromTheCheckpoint()
    {
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        var json = Path.Combine(folder, "figures.json");
        var output = Evaluate("--json", json);
        Assert.DoesNotContain("warning", output, StringComparison.Ordinal);
        using var figures = JsonDocument.Parse(File.ReadAllText(json));
        var (text, tensors) = CheckpointFile.Read(Best);
        tensors.Dispose();
        Assert.Equal(text.BestScore!.Value, figures.RootElement.GetProperty("mAP").GetDouble(), 1e-6);
        var space = EmbeddingSpace.Read(Best)!;
        Assert.Equal(("convnet4", 32, 32, "bilinear", "cosine"),
            (space.Architecture, space.Height!.Value, space.Width!.Value, space.Interpolation, space.Distance));
    }

    [Fact]
    public void AnOptionThatContradictsTheCheckpoint_IsReported()
    {
        Assert.Contains("warning: best.safetensors was trained with --size 32 32, and --size 48 48 is given.",
            Evaluate("--size", "48", "48"), StringComparison.Ordinal);
        Assert.Contains("warning: best.safetensors was trained with --distance cosine, and --distance euclidean is given.",
            Evaluate("--distance", "euclidean"), StringComparison.Ordinal);
        Assert.DoesNotContain("warning", Evaluate("--arch", "convnet4", "--size", "32", "32"), StringComparison.Ordinal);
    }

    /// <summary>A state dict with the prefix of PyTorch's DataParallel is one of this sample's networks too.</summary>
    [Fact]
    public void AStateDictOfDataParallel_IsRead()
    {
        var wrapped = Path.Combine(Directory.CreateDirectory(run.NewFolder()).FullName, "wrapped.pth");
        using (var weights = WeightFile.Read(Best, "model"))
            TorchCheckpointFile.Write(wrapped, weights.ToDictionary(entry => "module." + entry.Key, entry => entry.Value));
        string[] evaluate = ["evaluate", "--data", run.Data, "--device", "cpu", "--distance", "cosine", "--arch", "convnet4", "--size",
            "32", "32", "--weights"];
        Assert.Equal(Figures(Best), Figures(wrapped));

        string Figures(string file) => SmallRun.Finish([.. evaluate, file]).Split('\n')
            .First(line => line.TrimStart().StartsWith("convnet4 ", StringComparison.Ordinal));
    }

    /// <summary>A result does not take the place of the weights from which it is made, and a new run does not delete its own
    /// start.</summary>
    [Theory]
    [InlineData("--json", "evaluate", "--json", "WEIGHTS")]
    [InlineData("--output", "extract", "--output", "WEIGHTS")]
    [InlineData("--output", "rank", "--output", "WEIGHTS")]
    [InlineData("--weights", "train", "--output", "FOLDER", "--overwrite")]
    public void Weights_AreNotOverwritten(string option, string command, params string[] more)
    {
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        var weights = Path.Combine(folder, TrainingCheckpoint.BestFile);
        File.Copy(Best, weights);
        var (code, output) = SmallRun.Run([command, "--data", run.Data, "--weights", weights, "--device", "cpu",
            .. more.Select(argument => argument switch { "WEIGHTS" => weights, "FOLDER" => folder, _ => argument })]);
        Assert.Equal(1, code);
        Assert.Contains($"error: {option} {weights} ", output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Best), File.ReadAllBytes(weights));
    }

    /// <summary>Each width has figures of its own, and the whole width those of the whole embedding.</summary>
    [Fact]
    public void Widths_AreEvaluatedEach()
    {
        var json = Path.Combine(Directory.CreateDirectory(run.NewFolder()).FullName, "figures.json");
        var output = Evaluate("--widths", "4,16", "64", "--json", json);
        Assert.Contains("first 4 ", output, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(File.ReadAllText(json));
        var (whole, widths) = (document.RootElement, document.RootElement.GetProperty("widths"));
        Assert.Equal(["4", "16", "64"], widths.EnumerateObject().Select(width => width.Name));
        Assert.Equal(whole.GetProperty("mAP").GetDouble(), widths.GetProperty("64").GetProperty("mAP").GetDouble());
        Assert.NotEqual(whole.GetProperty("mAP").GetDouble(), widths.GetProperty("4").GetProperty("mAP").GetDouble());

        string[] evaluate = ["evaluate", "--data", run.Data, "--weights", Best, "--device", "cpu", "--widths"];
        Assert.Contains("--widths 65: the embeddings have 64 numbers", SmallRun.Run([.. evaluate, "65"]).Output, StringComparison.Ordinal);
        Assert.Contains("--widths takes different numbers of at least 1, got 4 0.", SmallRun.Run([.. evaluate, "4", "0"]).Output,
            StringComparison.Ordinal);
    }

    /// <summary>A Matryoshka run trains, names itself in its checkpoint, and refuses a width that the network does not have.</summary>
    [Fact]
    public void Matryoshka_TrainsPrefixes()
    {
        var folder = run.NewFolder();
        SmallRun.Finish(run.Train(folder, "--matryoshka", "8", "16"));
        Assert.NotEqual(SmallRun.WeightsOf(run.Whole), SmallRun.WeightsOf(folder));
        Assert.Contains("--matryoshka 8 16", TrainingCheckpoint.ReadNotes(Path.Combine(folder, TrainingCheckpoint.LastFile))["recipe"],
            StringComparison.Ordinal);
        Assert.Contains("and on their first 8, 16 numbers", File.ReadAllText(Path.Combine(folder, "report.html")),
            StringComparison.Ordinal);
        Assert.Contains("--matryoshka 64: the network gives 64 numbers",
            SmallRun.Run(run.Train(run.NewFolder(), "--matryoshka", "64")).Output, StringComparison.Ordinal);
    }

    private string Evaluate(params string[] more) => SmallRun.Finish(
        ["evaluate", "--data", run.Data, "--weights", Best, "--device", "cpu", "--workers", "1", .. more]);
}
