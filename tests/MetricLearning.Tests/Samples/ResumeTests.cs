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
    [InlineData("INT", 2, "Network")]       // while it evaluates for the first time, or just after
    [InlineData("TERM", 15, "epoch  ")]
    [InlineData("HUP", 1, "epoch  ")]
    public void AStoppedRun_SaysHowToGoOn_AndEndsAsAWholeRun(string signal, int number, string line)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        Assert.SkipWhen(IsIgnored(number), $"SIG{signal} is ignored by this process, as in a job in the background of a shell.");
        var folder = run.NewFolder();
        List<string> lines = [];
        using (var process = SmallRun.Start(lines, run.Train(folder)))
        {
            while (!process.HasExited && !Has(lines, line)) Thread.Yield();
            Process.Start("kill", [$"-{signal}", $"{process.Id}"]).WaitForExit();
            process.WaitForExit();
            Assert.True(process.ExitCode == 128 + number, string.Join('\n', lines));
        }
        var command = CommandToGoOn(lines);
        var options = Option().Matches(SmallRun.Finish("train", "--help")).Select(match => match.Value)
            .Except(["--help", "--debug", "--overwrite", "--weights", "--images", "--splits", "--normalize", "--without",
                "--matryoshka", "--teacher", "--teacher-weight", "--log-json"]);
        Assert.All(options, option => Assert.Contains($"{option} ", command + " ", StringComparison.Ordinal));

        using (var resumed = InShell(command))
        {
            resumed.StandardOutput.ReadToEnd();
            resumed.WaitForExit();
            Assert.Equal(0, resumed.ExitCode);
        }
        Assert.Equal(run.Expected, SmallRun.Result.Of(folder));
    }

    /// <summary>The demo is stopped twice while it evaluates for the first time; the second time it was resumed.</summary>
    [Fact]
    public void AStoppedDemo_SaysHowToGoOn()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        List<string> lines = [];
        using (var process = SmallRun.Start(lines, "demo", "--quick", "--seed", "3", "--output", run.NewFolder()))
        {
            while (!process.HasExited && !Has(lines, "Network")) Thread.Yield();
            Process.Start("kill", [$"{process.Id}"]).WaitForExit();
            process.WaitForExit();
        }
        var command = CommandToGoOn(lines);
        Assert.StartsWith("PersonReId demo --quick --seed 3 ", command, StringComparison.Ordinal);
        List<string> resumed = [];
        using (var process = InShell(command))
        {
            while (process.StandardOutput.ReadLine() is { } line)
            {
                resumed.Add(line);
                if (line == "Network") Process.Start("kill", [$"{process.Id}"]).WaitForExit();
            }
            process.WaitForExit();
            Assert.True(process.ExitCode == 128 + 15, string.Join('\n', resumed));
        }
        Assert.DoesNotContain("Drawing pedestrians", resumed);
        Assert.Equal(command, CommandToGoOn(resumed));
    }

    /// <summary>While its images are drawn, a demo has no checkpoint, so it does not say that there is one.</summary>
    [Fact]
    public void ADemoThatIsStoppedWhileItDraws_NamesNoCheckpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        var folder = run.NewFolder();
        List<string> lines = [];
        using (var process = SmallRun.Start(lines, "demo", "--output", folder))
        {
            while (!process.HasExited && !Has(lines, "Drawing pedestrians")) Thread.Yield();
            Process.Start("kill", [$"{process.Id}"]).WaitForExit();
            process.WaitForExit();
            Assert.True(process.ExitCode == 128 + 15, string.Join('\n', lines));
        }
        Assert.False(File.Exists(Path.Combine(folder, TrainingCheckpoint.LastFile)));
        Assert.DoesNotContain(lines, line => line.Contains("checkpoint", StringComparison.Ordinal));
    }

    [Fact]
    public void ASecondSignal_EndsTheProgramAtOnce()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals.");
        List<string> lines = [];
        // One step with such images takes so long that the program still waits for its end when the second signal comes. One shell sends
        // all signals: on a busy machine, starting a process for each signal took longer than the step.
        var arguments = run.Train(run.NewFolder());
        Set("--size", "384", "192");
        Set("--batch", "6", "12");
        using var process = SmallRun.Start(lines, arguments);
        while (!process.HasExited && !Has(lines, "Network")) Thread.Yield();
        using var sender = Process.Start("sh", ["-c", $"while kill -TERM {process.Id} 2> /dev/null; do sleep 0.02; done"]);
        process.WaitForExit();
        sender.WaitForExit();
        Assert.True(process.ExitCode == 128 + 15, string.Join('\n', lines));
        Assert.False(Has(lines, "stopped"));

        void Set(string option, params string[] values) => values.CopyTo(arguments, Array.IndexOf(arguments, option) + 1);
    }

    /// <summary>Whether a signal is ignored by this process and so by the programs that it starts.</summary>
    private static bool IsIgnored(int signal)
    {
        const string name = "SigIgn:";
        var status = new FileInfo("/proc/self/status");
        var mask = status.Exists ? File.ReadLines(status.FullName).FirstOrDefault(
            line => line.StartsWith(name, StringComparison.Ordinal)) : null;
        return mask is not null && (Convert.ToUInt64(mask[name.Length..].Trim(), 16) >> (signal - 1) & 1) == 1;
    }

    /// <summary>A run whose images lie in another place when it is resumed: its report shows them from there. The run starts from weights
    /// of the same people, and says what it does with their classifier. When it is resumed, the file of the weights is gone.</summary>
    [Fact]
    public void ImagesMayMove_BetweenStartAndResume()
    {
        var (first, second, folder) = (run.NewFolder(), run.NewFolder(), run.NewFolder());
        Copy(run.Data, first);
        var file = Path.Combine(Directory.CreateDirectory(run.NewFolder()).FullName, "start.safetensors");
        File.Copy(Path.Combine(run.Whole, TrainingCheckpoint.BestFile), file);
        string[] weights = ["--weights", file];
        Assert.Contains("the classifier of the file's 6 identities is loaded",
            SmallRun.Finish(Train(first)), StringComparison.Ordinal);
        var report = Path.Combine(folder, "report.html");
        var before = SmallRun.Result.Of(folder);
        File.Delete(report);
        Directory.Move(first, second);
        File.Delete(file);
        SmallRun.Finish([.. Train(second), "--resume"]);
        Assert.Equal(Cards(before.Report), Cards(File.ReadAllText(report)));

        string[] Train(string data) => [.. run.Train(folder, weights).Select(argument => argument == run.Data ? data : argument)];

        static string Cards(string page) => page[page.IndexOf("<section class=wide>", StringComparison.Ordinal)..
            page.IndexOf("<h2>Settings", StringComparison.Ordinal)];
    }

    /// <summary>The checkpoints of steps that have begun have all weights, so the file of the weights may be gone. A step that has not
    /// begun needs it.</summary>
    [Fact]
    public void Tricks_NeedTheFileOfTheWeights_OnlyForStepsThatHaveNotBegun()
    {
        var output = run.NewFolder();
        var gone = Path.Combine(run.NewFolder(), "start.safetensors");
        string[] tricks = ["tricks", "--data", run.Data, "--output", output, "--arch", "resnet18", "--weights", gone, "--size", "32", "32",
            "--epochs", "1", "--batch", "3", "2", "--device", "cpu", "--workers", "1"];
        var (code, text) = SmallRun.Run(tricks);
        Assert.Equal(2, code);
        Assert.Contains($"--weights: there is no file {gone}.", text, StringComparison.Ordinal);
        // The checkpoint of another run stands for that of each step.
        Directory.CreateDirectory(Path.Combine(output, "another"));
        File.Copy(Path.Combine(run.Whole, TrainingCheckpoint.LastFile), Path.Combine(output, "another", TrainingCheckpoint.LastFile));
        var steps = 0;
        for (; ; steps++)
        {
            (code, text) = SmallRun.Run(tricks);
            Assert.Equal(1, code);
            if (Missing().Match(text) is not { Success: true } found) break;
            var file = found.Groups[1].Value;
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.Copy(Path.Combine(run.Whole, TrainingCheckpoint.LastFile), file);
        }
        Assert.Equal(7, steps);
        Assert.Contains("was begun with other options", text, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"and the step '[^']+' has not begun: there is no (\S+\.safetensors)\.")]
    private static partial Regex Missing();

    /// <summary>Checkpoints with the number of an epoch are a run too.</summary>
    [Fact]
    public void AFolderWithANumberedCheckpoint_IsRefused()
    {
        var folder = Directory.CreateDirectory(run.NewFolder()).FullName;
        var kept = Path.Combine(folder, "epoch-020.safetensors");
        File.WriteAllText(kept, "");
        var (code, output) = SmallRun.Run(run.Train(folder));
        Assert.Equal(1, code);
        Assert.Contains("holds a run", output, StringComparison.Ordinal);
        Assert.True(File.Exists(kept));
    }

    [Fact]
    public void AFinishedRun_IsLeftAsItIs()
    {
        var before = Contents();
        Assert.Contains("is finished", SmallRun.Finish(run.Train(run.Whole, "--resume")), StringComparison.Ordinal);
        Assert.Equal(before, Contents());
        var (code, output) = SmallRun.Run(run.Train(run.Whole, "--resume", "--seed", "2"));
        Assert.Equal(1, code);
        Assert.Contains("begun with other options", output, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
        (code, output) = SmallRun.Run(run.Train(run.Whole));
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
        Copy(run.Whole, folder);
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

    /// <summary>An image with the same name and length but another content is another image.</summary>
    [Fact]
    public void OtherContentsOfAnImage_AreRefused()
    {
        var (data, folder) = (run.NewFolder(), run.NewFolder());
        Copy(run.Data, data);
        Copy(run.Whole, folder);
        File.Delete(Path.Combine(folder, "report.html"));
        var image = Directory.GetFiles(Path.Combine(data, "bounding_box_train")).Order().First();
        var bytes = File.ReadAllBytes(image);
        bytes[^10] ^= 1;
        File.WriteAllBytes(image, bytes);
        var (code, output) = SmallRun.Run(
            [.. run.Train(folder, "--resume").Select(argument => argument == run.Data ? data : argument)]);
        Assert.Equal(1, code);
        Assert.Contains("the names, the identities or the contents of some files differ", output, StringComparison.Ordinal);
    }

    /// <summary>A folder belongs to one process: while it runs, another one neither continues nor deletes its run.</summary>
    [Fact]
    public void AFolderInUse_IsRefused()
    {
        var folder = run.NewFolder();
        Copy(run.Whole, folder);
        File.Delete(Path.Combine(folder, "report.html"));
        var before = Directory.GetFiles(folder).Order().ToArray();
        using (new FileStream(Path.Combine(folder, "in-use"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
            foreach (var option in new[] { "--resume", "--overwrite" })
            {
                var (code, output) = SmallRun.Run(run.Train(folder, option));
                Assert.Equal(1, code);
                Assert.Contains($"{folder} is in use by another program", output, StringComparison.Ordinal);
                Assert.Equal(before.Append(Path.Combine(folder, "in-use")).Order(), Directory.GetFiles(folder).Order());
            }
        SmallRun.Finish(run.Train(folder, "--resume"));
        Assert.Equal(run.Expected, SmallRun.Result.Of(folder));
        Assert.False(File.Exists(Path.Combine(folder, "in-use")));
    }

    /// <summary>A run that could not begin leaves no folder.</summary>
    [Fact]
    public void AWidthAboveThatOfTheNetwork_IsRefused_AndNoFolderIsLeft()
    {
        var folder = run.NewFolder();
        var (code, output) = SmallRun.Run(run.Train(folder, "--matryoshka", "16", "100000"));
        Assert.Equal(1, code);
        Assert.Contains("100000", output, StringComparison.Ordinal);
        Assert.False(Path.Exists(folder));
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    /// <summary>The command that a stopped run printed.</summary>
    private static string CommandToGoOn(List<string> lines) =>
        lines[lines.FindIndex(text => text.EndsWith("To go on:", StringComparison.Ordinal)) + 1].Trim();

    /// <summary>Starts a printed command as a user does, in a shell that becomes the program.</summary>
    private static Process InShell(string command)
    {
        var program = $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "PersonReId.dll")}'";
        return Process.Start(new ProcessStartInfo("sh", ["-c", command.Replace("PersonReId", program, StringComparison.Ordinal)])
        {
            RedirectStandardOutput = true,
            Environment = { ["OMP_NUM_THREADS"] = "1", ["MKL_NUM_THREADS"] = "1" },
        })!;
    }

    private static bool Has(List<string> lines, string start)
    {
        lock (lines) return lines.Any(text => text.StartsWith(start, StringComparison.Ordinal));
    }

    [GeneratedRegex("--[a-z][a-z-]+")]
    private static partial Regex Option();
}
