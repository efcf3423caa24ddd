using System.Diagnostics;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Extracts on a small disk in memory, which the test mounts for its own processes alone. Where that is not allowed, the test is
/// skipped.</summary>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public sealed class JournalDiskTests(SmallRun run)
{
    [Fact]
    public void AJournalOnAFullDisk_IsNamed_AndTheExtractionGoesOnWhenThereIsRoom()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux has disks in memory");
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        Assert.SkipUnless(InShell("mount -t tmpfs -o size=8k tmpfs \"$1\"", folder).Code == 0, "this process may not mount a disk");
        var (code, output) = InShell("""
            mount -t tmpfs -o size=8k tmpfs "$1"
            extract() { dotnet "$2" extract --data "$3" --weights "$4" --set all --output "$1/x.npz" --device cpu 2>&1; }
            if extract "$@"; then exit 9; fi
            mount -o remount,size=8m "$1"
            extract "$@"
            ls "$1"
            """, folder, Path.Combine(AppContext.BaseDirectory, "PersonReId.dll"), run.Data,
            Path.Combine(run.Whole, TrainingCheckpoint.BestFile));
        Assert.True(code == 0, output);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var error = Assert.Single(lines, line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.StartsWith($"error: {folder}/x.npz.train.part: there is no room for it on the disk", error, StringComparison.Ordinal);
        Assert.Contains("Make room and extract again; this goes on where it stopped.", error, StringComparison.Ordinal);
        Assert.Equal("x.npz", lines[^1]);
    }

    private static (int Code, string Output) InShell(string script, params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo("unshare", ["-rm", "sh", "-ec", script, "sh", .. arguments])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        process.Start();
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
