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

    private string Evaluate(params string[] more) => SmallRun.Finish(
        ["evaluate", "--data", run.Data, "--weights", Best, "--device", "cpu", "--workers", "1", .. more]);
}
