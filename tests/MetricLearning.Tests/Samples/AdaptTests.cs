using System.Diagnostics;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Runs the command adapt of the sample PersonReId, which trains without identities.</summary>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public sealed class AdaptTests(SmallRun run)
{
    [Fact]
    public void AStoppedRun_SaysHowToGoOn_AndEndsAsAWholeRun()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        var (whole, stopped) = (run.NewFolder(), run.NewFolder());
        var output = SmallRun.Finish(Adapt(whole));
        Assert.Contains("images without identities", output, StringComparison.Ordinal);
        Assert.Matches(@"epoch +2/3  loss \d\.\d{3}  \d+ clusters of \d+ images  agreement with the clusters before [-\d.]+", output);
        Assert.Matches(@"mAP +\d+\.\d \[", output);
        List<string> lines = [];
        using (var process = SmallRun.Start(lines, Adapt(stopped)))
        {
            while (!process.HasExited && !Has(lines, "epoch   1/3")) Thread.Yield();
            Process.Start("kill", [$"{process.Id}"]).WaitForExit();
            process.WaitForExit();
            Assert.True(process.ExitCode == 128 + 15, string.Join('\n', lines));
        }
        var command = lines[lines.FindIndex(line => line.EndsWith("To go on:", StringComparison.Ordinal)) + 1];
        Assert.EndsWith(" --resume", command, StringComparison.Ordinal);
        Assert.NotEqual(SmallRun.WeightsOf(whole), SmallRun.WeightsOf(stopped));

        var resumed = SmallRun.Finish([.. Adapt(stopped), "--resume"]);

        Assert.Equal(SmallRun.WeightsOf(whole), SmallRun.WeightsOf(stopped));
        Assert.Equal(output.Split('\n').Where(IsResult), [.. lines.Where(IsResult), .. resumed.Split('\n').Where(IsResult)]);
    }

    [Fact]
    public void AMistake_IsNamed()
    {
        var (code, output) = SmallRun.Run(Adapt(run.NewFolder(), "0.001"));
        Assert.Equal(1, code);
        Assert.Contains("The images make 0 clusters, and a batch has 2: try another --radius than 0.001", output, StringComparison.Ordinal);

        (code, output) = SmallRun.Run([.. Adapt(run.Whole), "--resume"]);
        Assert.Equal(1, code);
        Assert.Contains("is not a checkpoint of the command adapt.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderOfImages_IsTrainedOn_AndOtherImagesAreRefused()
    {
        var (folder, images) = (run.NewFolder(), Directory.CreateDirectory(run.NewFolder()).FullName);
        foreach (var file in Directory.GetFiles(Path.Combine(run.Data, "bounding_box_train")))
            File.Copy(file, Path.Combine(images, Path.GetFileName(file)));
        string[] arguments = [.. Adapt(folder), "--unlabeled", images];
        Assert.Contains("72 images without identities", SmallRun.Finish(arguments), StringComparison.Ordinal);
        File.Delete(Directory.GetFiles(images)[0]);

        var (code, output) = SmallRun.Run([.. arguments, "--resume"]);

        Assert.Equal(1, code);
        Assert.Contains($"was begun with other images than those in {images}: ", output, StringComparison.Ordinal);
    }

    private string[] Adapt(string folder, string radius = "0.4") =>
    [
        "adapt", "--data", run.Data, "--weights", Path.Combine(run.Whole, "last.safetensors"), "--output", folder, "--epochs", "3",
        "--batch", "2", "2", "--radius", radius, "--lr", "0.0001", "--device", "cpu", "--workers", "1",
    ];

    /// <summary>Whether a line has a result and no time.</summary>
    private static bool IsResult(string line) =>
        line.StartsWith("epoch ", StringComparison.Ordinal) || line.StartsWith("before:", StringComparison.Ordinal)
        || line.TrimStart().StartsWith("mAP", StringComparison.Ordinal) || line.StartsWith("after:", StringComparison.Ordinal);

    private static bool Has(List<string> lines, string start)
    {
        lock (lines) return lines.Exists(line => line.StartsWith(start, StringComparison.Ordinal));
    }
}
