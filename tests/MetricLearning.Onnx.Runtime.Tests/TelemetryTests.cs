using System.Diagnostics;

namespace MetricLearning.Onnx.Runtime.Tests;

/// <summary>Tests that a process with an embedder sends nothing to the makers of ONNX Runtime.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("telemetry").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    /// <summary>If its telemetry is on, ONNX Runtime writes an identifier of the computer into the user's cache folder. It has no telemetry
    /// on the machines of some build services, which their variables tell it.</summary>
    [Fact]
    public async Task AnEmbedder_TurnsTelemetryOff()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "is about the cache folder of Linux");
        var start = new ProcessStartInfo("dotnet", [typeof(TelemetryTests).Assembly.Location, "--filter-method",
            $"*{nameof(OnnxEmbedderTests)}.{nameof(OnnxEmbedderTests.AnImage_IsDecodedResizedAndNormalized)}"])
        {
            RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = home,
        };
        string[] others = ["CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"];
        foreach (var name in others.Append(RuntimeTelemetry.Switch)) start.Environment.Remove(name);
        start.Environment["HOME"] = home;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output + await errors);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(home, "*", SearchOption.AllDirectories),
            path => path.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase));
    }
}
