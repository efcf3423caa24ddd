using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MetricLearning.Tests;

/// <summary>Starts the sample PersonReId as a user does, on synthetic images of a few people. It runs on one thread, so that equal runs
/// give equal bits.</summary>
public sealed partial class SmallRun : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("runs").FullName;

    public SmallRun()
    {
        Data = Path.Combine(root, "the people's images");     // a name that must be quoted in a shell
        Finish("draw", "--output", Data, "--train", "6", "--test", "4", "--cameras", "3");
        Whole = NewFolder();
        var clock = Stopwatch.StartNew();
        Finish(Train(Whole));
        Time = clock.Elapsed;
        Expected = Result.Of(Whole);
    }

    public string Data { get; }

    /// <summary>The folder of a run without a break.</summary>
    public string Whole { get; }

    /// <summary>The time that the run without a break took.</summary>
    public TimeSpan Time { get; }

    /// <summary>The result of the run without a break.</summary>
    public Result Expected { get; }

    public string NewFolder() => Path.Combine(root, Guid.NewGuid().ToString("N"));

    /// <summary>The arguments that train, with a save after every step.</summary>
    public string[] Train(string folder, params string[] more) =>
    [
        "train", "--data", Data, "--output", folder, "--arch", "convnet4", "--size", "32", "32", "--epochs", "2", "--batch", "3", "2",
        "--eval-every", "1", "--lr", "0.003", "--milestones", "2", "--save-minutes", "0", "--device", "cpu", "--workers", "1", .. more,
    ];

    /// <summary>Starts the program. Each line that it prints is added to <paramref name="lines"/>.</summary>
    public static Process Start(IList<string> lines, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "PersonReId.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1", ["MKL_NUM_THREADS"] = "1" },
        };
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += Add;
        process.ErrorDataReceived += Add;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        void Add(object sender, DataReceivedEventArgs e)
        {
            if (e.Data is null) return;
            lock (lines) lines.Add(e.Data);
        }
    }

    /// <summary>Runs the program to its end, and returns what it printed.</summary>
    public static string Finish(params string[] arguments)
    {
        var (code, output) = Run(arguments);
        return code == 0 ? output : throw new InvalidOperationException($"exit code {code}: {output}");
    }

    public static (int Code, string Output) Run(params string[] arguments)
    {
        List<string> lines = [];
        using var process = Start(lines, arguments);
        process.WaitForExit();
        return (process.ExitCode, string.Join('\n', lines));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    /// <summary>The tests that share one run without a break.</summary>
    [CollectionDefinition(Name)]
    public sealed class Tests : ICollectionFixture<SmallRun>
    {
        public const string Name = "runs of the sample PersonReId";
    }

    /// <summary>The results of a run, without times.</summary>
    /// <param name="Last">The state of the last checkpoint; its tensors are in the checksum.</param>
    /// <param name="Best">The state of the best checkpoint.</param>
    /// <param name="Report">The report page.</param>
    public sealed partial record Result(string Last, string Best, string Report)
    {
        public static Result Of(string folder) => new(State(Path.Combine(folder, TrainingCheckpoint.LastFile)),
            State(Path.Combine(folder, TrainingCheckpoint.BestFile)),
            TrainingTime().Replace(File.ReadAllText(Path.Combine(folder, "report.html")), ""));

        private static string State(string path)
        {
            var (text, tensors) = CheckpointFile.Read(path);
            using (tensors)
            {
                text.Numbers.Remove("seconds");
                return $"{text.ToJson()}\n{Bytes(tensors)}";
            }
        }

        [GeneratedRegex("<div><dt>training time</dt><dd>[0-9:]+</dd></div>")]
        private static partial Regex TrainingTime();
    }

    /// <summary>The weights of the network in the last checkpoint of a folder. Unlike a <see cref="Result"/>, they do not tell with which
    /// options the run was started.</summary>
    public static string WeightsOf(string folder)
    {
        using var weights = WeightFile.Read(Path.Combine(folder, TrainingCheckpoint.LastFile), "model");
        return Bytes(weights);
    }

    private static string Bytes(NamedTensors tensors) => string.Join('\n', tensors
        .OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key} {Convert.ToHexString(entry.Value.bytes)}"));

    /// <summary>Whether the last checkpoint of a folder is at the end of an epoch whose evaluation has not been saved.</summary>
    public static bool OwesAnEvaluation(string folder)
    {
        var (text, tensors) = CheckpointFile.Read(Path.Combine(folder, TrainingCheckpoint.LastFile));
        tensors.Dispose();
        var (epoch, position) = text.Samplers["sampler"].State;
        if (position > 0) return false;
        if (!text.Notes.TryGetValue("evaluations", out var json)) return true;
        using var evaluations = JsonDocument.Parse(json);
        return evaluations.RootElement.EnumerateArray().All(point => point.GetProperty("Epoch").GetDouble() != epoch);
    }
}
