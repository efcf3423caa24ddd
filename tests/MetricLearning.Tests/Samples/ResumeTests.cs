using System.Diagnostics;
using System.Text.RegularExpressions;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Stops the sample PersonReId by a signal, and resumes it.</summary>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public sealed partial class ResumeTests(SmallRun run)
{
    [Theory]
    [InlineData("INT", "Network")]          // while it evaluates for the first time, or just after
    [InlineData("TERM", "epoch  ")]
    public void AStoppedRun_SaysHowToGoOn_AndEndsAsAWholeRun(string signal, string line)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        Assert.SkipWhen(signal == "INT"
            && InterruptIsIgnored, "SIGINT is ignored by this process, as in a job in the background of a shell.");
        var folder = run.NewFolder();
        List<string> lines = [];
        using (var process = SmallRun.Start(lines, run.Train(folder)))
        {
            while (!process.HasExited && !Has()) Thread.Yield();
            Process.Start("kill", [$"-{signal}", $"{process.Id}"]).WaitForExit();
            process.WaitForExit();
            Assert.True(process.ExitCode == 130, string.Join('\n', lines));
        }
        var command = lines[lines.FindIndex(text => text.EndsWith("To go on:", StringComparison.Ordinal)) + 1].Trim();
        var options = Option().Matches(SmallRun.Finish("train", "--help")).Select(match => match.Value)
            .Except(["--help", "--debug", "--overwrite", "--weights", "--images", "--splits", "--normalize", "--without",
                "--matryoshka", "--teacher", "--teacher-weight", "--log-json"]);
        Assert.All(options, option => Assert.Contains($"{option} ", command + " ", StringComparison.Ordinal));

        var program = $"dotnet '{Path.Combine(AppContext.BaseDirectory, "PersonReId.dll")}'";
        var start = new ProcessStartInfo("sh", ["-c", command.Replace("PersonReId", program, StringComparison.Ordinal)])
        {
            RedirectStandardOutput = true,
            Environment = { ["OMP_NUM_THREADS"] = "1", ["MKL_NUM_THREADS"] = "1" },
        };
        using (var resumed = Process.Start(start)!)
        {
            resumed.StandardOutput.ReadToEnd();
            resumed.WaitForExit();
            Assert.Equal(0, resumed.ExitCode);
        }
        Assert.Equal(run.Expected, SmallRun.Result.Of(folder));

        bool Has()
        {
            lock (lines) return lines.Any(text => text.StartsWith(line, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void ASecondSignal_EndsTheProgramAtOnce()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        List<string> lines = [];
        // One step with such images takes so long that the program still waits for its end when the second signal comes. One shell sends
        // all signals: on a busy machine, starting a process for each signal took longer than the step.
        using var process = SmallRun.Start(lines, run.Train(run.NewFolder(), "--size", "384", "192", "--batch", "6", "12"));
        while (!process.HasExited && !Contains("Network")) Thread.Yield();
        using var sender = Process.Start("sh", ["-c", $"while kill -TERM {process.Id} 2> /dev/null; do sleep 0.02; done"]);
        process.WaitForExit();
        sender.WaitForExit();
        Assert.True(process.ExitCode == 128 + 15, string.Join('\n', lines));
        Assert.False(Contains("stopped"));

        bool Contains(string start)
        {
            lock (lines) return lines.Any(text => text.StartsWith(start, StringComparison.Ordinal));
        }
    }

    /// <summary>Whether SIGINT is ignored by this process and so by the programs that it starts.</summary>
    private static bool InterruptIsIgnored
    {
        get
        {
            const string name = "SigIgn:";
            const int interrupt = 2;
            var status = new FileInfo("/proc/self/status");
            var mask = status.Exists ? File.ReadLines(status.FullName).FirstOrDefault(
                line => line.StartsWith(name, StringComparison.Ordinal)) : null;
            return mask is not null && (Convert.ToUInt64(mask[name.Length..].Trim(), 16) >> (interrupt - 1) & 1) == 1;
        }
    }

    [Fact]
    public void AFinishedRun_IsLeftAsItIs()
    {
        var before = Contents();
        Assert.Contains("is finished", SmallRun.Finish(run.Train(run.Whole, "--resume")), StringComparison.Ordinal);
        Assert.Equal(before, Contents());
        var (code, output) = SmallRun.Run(run.Train(run.Whole));
        Assert.Equal(1, code);
        Assert.Contains("--resume", output, StringComparison.Ordinal);
        Assert.Contains("--overwrite", output, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
        (code, output) = SmallRun.Run(run.Train(run.Whole, "--resume", "--overwrite"));
        Assert.Equal(2, code);

        string Contents() => string.Join('\n', Directory.GetFiles(run.Whole).Order()
            .Select(file => $"{file} {File.GetLastWriteTimeUtc(file):O} {Convert.ToHexString(File.ReadAllBytes(file))}"));
    }

    [Fact]
    public void AnotherRecipe_IsRefused_ALostReport_IsWrittenAnew_AndOverwriteBeginsAnew()
    {
        var folder = run.NewFolder();
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(run.Whole)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.Delete(Path.Combine(folder, "report.html"));
        var (code, output) = SmallRun.Run(run.Train(folder, "--resume", "--margin", "0.5"));
        Assert.Equal(1, code);
        Assert.Contains("begun with other options. To go on with it: PersonReId train", output, StringComparison.Ordinal);
        Assert.Contains("--margin 0.3", output, StringComparison.Ordinal);
        Assert.DoesNotContain("epoch 1", SmallRun.Finish(run.Train(folder, "--resume")), StringComparison.Ordinal);
        Assert.Equal(run.Expected, SmallRun.Result.Of(folder));
        Assert.Contains("epoch 1", SmallRun.Finish(run.Train(folder, "--overwrite")), StringComparison.Ordinal);
        Assert.Equal(run.Expected, SmallRun.Result.Of(folder));
    }

    [GeneratedRegex("--[a-z][a-z-]+")]
    private static partial Regex Option();
}
