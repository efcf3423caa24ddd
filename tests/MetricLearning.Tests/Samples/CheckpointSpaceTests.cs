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
