using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using MetricLearning;
using PersonReId.Recipes;
using PersonReId.Synthetic;

namespace PersonReId.Commands;

/// <summary>The demo: draws people, evaluates an untrained network on them, trains it, evaluates it again, and writes the report. It
/// downloads nothing.</summary>
internal static class DemoCommand
{
    /// <summary>Makes a command run the demo. The program without a command does so too.</summary>
    public static void Install(Command command)
    {
        var quick = new Option<bool>("--quick") { Description = "Fewer people, for a run of about a minute" };
        var seed = new Option<ulong>("--seed") { Description = "Seed of people, images and training", DefaultValueFactory = _ => 1 };
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder of images, checkpoints and report",
            HelpName = "DIR",
            DefaultValueFactory = _ => new DirectoryInfo("artifacts/demo"),
        };
        foreach (var option in new Option[] { quick, seed, output }) command.Add(option);
        var start = new StartOptions(command);
        command.SetAction((result, cancellationToken) =>
        {
            Run(result.GetValue(quick), result.GetValue(seed), result.GetRequiredValue(output), start.Read(result),
                cancellationToken);
            return Task.FromResult(0);
        });
    }

    public static Command Create()
    {
        var command = new Command("demo", "Draws synthetic pedestrians, trains on them and reports before and after (the default)");
        Install(command);
        return command;
    }

    private static void Run(bool quick, ulong seed, DirectoryInfo output, RunStart start, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var folder = Path.Combine(output.FullName, "pedestrians");
        var people = quick
            ? new SyntheticPedestrians { TrainIdentities = 64, TestIdentities = 30, Seed = seed }
            : new SyntheticPedestrians { TrainIdentities = 480, TestIdentities = 60, Seed = seed };
        var ran = Experiment.Run(new TrainingSettings
        {
            // Small images and small batches, so that a short training on two cores makes many steps.
            Network = new NetworkSettings { Architecture = "resnet18", Height = 64, Width = 32 },
            Output = output,
            Recipe = PublishedRecipes.Lesson with
            {
                Architecture = "resnet18",
                Weights = "none",
                Height = 64,
                Width = 32,
                Epochs = 6,
                IdentitiesPerBatch = 8,
                ImagesPerIdentity = 4,
                LearningRate = 7e-4,
                Milestones = [4, 5],
                WarmUp = TrainingSpan.Epochs(1),
                Erasing = 0,        // six epochs are too few to memorize the images
            },
            EvaluateEvery = 3,
            Seed = seed,
            OtherCommand = string.Create(CultureInfo.InvariantCulture, $"demo {(quick ? "--quick " : "")}--seed {seed}"),
            Start = start,
        }, DataSource.Market1501(folder), () =>
        {
            if (start == RunStart.Resume && new DrawnFolder(folder).Holds(people)) return;
            Ui.Heading("Drawing pedestrians");
            Draw(people, folder, cancellationToken);
        }, cancellationToken);
        if (ran) Ui.Line($"All of it took {Ui.Time(clock.Elapsed)}.");
    }

    internal static void Draw(SyntheticPedestrians people, string folder, CancellationToken cancellationToken)
    {
        using (var bar = new Bar("images", people.Count)) people.DrawTo(folder, bar.Of<int>(done => done), cancellationToken);
        Ui.Line($"{people.Count} images drawn to {folder}");
    }
}
