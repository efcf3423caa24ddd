using System.Diagnostics;
using System.Globalization;
using MetricLearning.Testing;

namespace MetricLearning.Tests;

/// <summary>Kills the sample PersonReId (SIGKILL) and resumes it until it is done. The result must be that of a run without a
/// break.</summary>
/// <remarks>By default there are 5 kills. The variable KILLS sets another number: <c>KILLS=300 dotnet run -c Release --project
/// tests/MetricLearning.Tests -- --filter-class "*KillTests" --show-live-output on</c>.</remarks>
[Collection(SmallRun.Tests.Name)]
[LeavesNoTensors]
public sealed class KillTests(SmallRun run, ITestOutputHelper output)
{
    private static readonly int wanted = int.Parse(Environment.GetEnvironmentVariable("KILLS") ?? "5", CultureInfo.InvariantCulture);
    private readonly SeededRandom random = new(1);

    /// <summary>Waits for the moment of the kill, or until the process ends if that is earlier.</summary>
    private delegate void Moment(Process process, string folder, List<string> lines);

    [Fact]
    public void AKilledRun_EndsAsAWholeRun()
    {
        Moment[] moments = [AfterTheSaveOfAnEpoch, WithinASave, AtAnyTime, AfterTheBestFile];
        var (kills, withinSaves, owing, runs) = (0, 0, 0, 0);
        while (kills < wanted)
        {
            var folder = run.NewFolder();
            while (!File.Exists(Path.Combine(folder, "report.html")))
            {
                string[] arguments = File.Exists(Path.Combine(folder, TrainingCheckpoint.LastFile)) ? ["--resume"] : [];
                List<string> lines = [];
                using var process = SmallRun.Start(lines, run.Train(folder, arguments));
                if (kills < wanted) moments[kills % moments.Length](process, folder, lines);
                else process.WaitForExit();
                if (!process.HasExited) process.Kill();
                process.WaitForExit();
                if (process.ExitCode == 0) continue;
                Assert.True(process.ExitCode == 128 + 9, string.Join('\n', lines));
                kills++;
                if (!File.Exists(Path.Combine(folder, TrainingCheckpoint.LastFile))) continue;
                var leftOver = Directory.GetFiles(folder, "*.tmp");
                Assert.True(leftOver.Count(file => new FileInfo(file).Length > 0) <= 3, "at most one for each file of the run");
                if (leftOver.Length > 0) withinSaves++;
                if (SmallRun.OwesAnEvaluation(folder)) owing++;
            }
            Assert.Equal(run.Expected, SmallRun.Result.Of(folder));
            Directory.Delete(folder, recursive: true);
            runs++;
            output.WriteLine($"{kills} kills in {runs} runs: {withinSaves} left half a file, "
                + $"{owing} came between a save and its evaluation");
        }
    }

    private void AtAnyTime(Process process, string folder, List<string> lines) =>
        process.WaitForExit(TimeSpan.FromSeconds(random.NextDouble() * run.Time.TotalSeconds));

    private void WithinASave(Process process, string folder, List<string> lines)
    {
        var (saves, seen) = (1 + random.NextInt(5), new HashSet<string>());
        while (!process.HasExited && seen.Count < saves)
            if (Directory.Exists(folder)) seen.UnionWith(Directory.GetFiles(folder, "*.tmp"));
        Pause(milliseconds: 3);
    }

    private void AfterTheSaveOfAnEpoch(Process process, string folder, List<string> lines)
    {
        var last = Path.Combine(folder, TrainingCheckpoint.LastFile);
        while (!process.HasExited && !Has(lines, "epoch  ")) Thread.Yield();
        var before = File.GetLastWriteTimeUtc(last);
        while (!process.HasExited && File.GetLastWriteTimeUtc(last) == before) Thread.Yield();
        Pause(milliseconds: 20);
    }

    private void AfterTheBestFile(Process process, string folder, List<string> lines)
    {
        var best = Path.Combine(folder, TrainingCheckpoint.BestFile);
        var before = File.GetLastWriteTimeUtc(best);
        while (!process.HasExited && File.GetLastWriteTimeUtc(best) == before) Thread.Yield();
        Pause(milliseconds: 3);
    }

    private static bool Has(List<string> lines, string start)
    {
        lock (lines) return lines.Any(line => line.StartsWith(start, StringComparison.Ordinal));
    }

    private void Pause(double milliseconds)
    {
        var clock = Stopwatch.StartNew();
        var end = random.NextDouble() * milliseconds;
        while (clock.Elapsed.TotalMilliseconds < end) Thread.Yield();
    }
}
