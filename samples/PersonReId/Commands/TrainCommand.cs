using System.CommandLine;
using System.CommandLine.Parsing;

namespace PersonReId.Commands;

/// <summary><c>train</c>: the lesson on the user's own dataset.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = new Command("train", "Trains a network; keeps the best and the last checkpoint and writes report.html");
        var data = new DataOption(command);
        var network = new NetworkOptions(command, weightsRequired: false);
        var distance = new DistanceOption(command, "cosine");
        var epochs = new Option<int>("--epochs") { Description = "Epochs of training", HelpName = "N", DefaultValueFactory = _ => 120 };
        var batch = new Option<int[]>("--batch")
        {
            Description = "A batch: P identities with K images each",
            HelpName = "P K",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [16, 4],
        };
        var rate = new Option<double>("--lr")
        {
            Description = "Learning rate of Adam",
            HelpName = "RATE",
            DefaultValueFactory = _ => 3.5e-4,
        };
        var milestones = new Option<int[]>("--milestones")
        {
            Description =
                "The learning rate is divided by ten after these epochs [default: a third and seven twelfths of all: 40 70 of 120]",
            HelpName = "EPOCH ...",
            AllowMultipleArgumentsPerToken = true,
        };
        var warmUp = new Option<int?>("--warm-up")
        {
            Description = "Epochs over which the rate rises from a tenth [default: a twelfth of the epochs: 10 of 120]",
            HelpName = "N",
        };
        var margin = new Option<double>("--margin") { Description = "Margin of the triplet loss", DefaultValueFactory = _ => 0.3 };
        var smoothing = new Option<double>("--smoothing")
        {
            Description = "Label smoothing of the identity loss",
            DefaultValueFactory = _ => 0.1,
        };
        var normalize = new Option<bool>("--normalize") { Description = "The triplet loss compares features of length one" };
        var erasing = new Option<double>("--erasing") { Description = "Probability of random erasing", DefaultValueFactory = _ => 0.5 };
        var every = new Option<int>("--eval-every")
        {
            Description = "Evaluates after each multiple of N epochs, and before and after training; 0: never",
            HelpName = "N",
            DefaultValueFactory = _ => 10,
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random numbers", DefaultValueFactory = _ => 1 };
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder of checkpoints and report",
            HelpName = "DIR",
            DefaultValueFactory = _ => new DirectoryInfo("artifacts/train"),
        };
        var save = new Option<double>("--save-minutes")
        {
            Description = "Within an epoch, saves the last checkpoint every X minutes; 0: after each batch",
            HelpName = "X",
            DefaultValueFactory = _ => 5,
        };
        var start = new StartOptions(command);
        CheckOptions.Positive(epochs);
        CheckOptions.AtLeast(0, every);
        CheckOptions.Between(0, 1, erasing, smoothing);
        CheckOptions.Between(0, 1000, margin, rate);
        CheckOptions.Between(0, 100_000, save);
        batch.Validators.Add(Batch);
        Option[] options =
            [epochs, batch, rate, milestones, warmUp, margin, smoothing, normalize, erasing, every, seed, output, save];
        foreach (var option in options) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            var count = result.GetValue(epochs);
            var settings = network.Read(result);
            var pk = result.GetRequiredValue(batch);
            Experiment.Run(new TrainingSettings
            {
                Network = settings,
                Output = result.GetRequiredValue(output),
                Epochs = count,
                IdentitiesPerBatch = pk[0],
                ImagesPerIdentity = pk[1],
                LearningRate = result.GetValue(rate),
                Milestones = result.GetValue(milestones) is { Length: > 0 } given ? given : TrainingSettings.MilestonesOf(count),
                WarmUp = result.GetValue(warmUp) ?? count / 12,
                Margin = result.GetValue(margin),
                Smoothing = result.GetValue(smoothing),
                Normalize = result.GetValue(normalize),
                Erasing = result.GetValue(erasing),
                EvaluateEvery = result.GetValue(every),
                Seed = result.GetValue(seed),
                Start = start.Read(result),
                SaveAfter = TimeSpan.FromMinutes(result.GetValue(save)),
                Distance = distance.Read(result, settings),
            }, () => data.Read(result), cancellationToken);
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Batch(OptionResult result)
    {
        if (result.Tokens.Any(token => int.TryParse(token.Value, out var n) && n < 2))
            result.AddError(
                "--batch takes at least 2 identities and 2 images of each: a triplet needs both a match and another identity.");
    }
}
