using System.CommandLine;
using MetricLearning;
using Microsoft.Extensions.Logging.Abstractions;
using PersonReId.Recipes;

namespace PersonReId.Commands;

/// <summary><c>train</c>: trains a network on the user's own dataset, by the recipe of the lesson or another one.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = new Command("train", "Trains a network; keeps the best and the last checkpoint and writes report.html");
        var data = new DataOption(command);
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder of checkpoints and report",
            HelpName = "DIR",
            DefaultValueFactory = _ => new DirectoryInfo("artifacts/train"),
        };
        StartOptions? start = null;
        var network = new NetworkOptions(command, weightsRequired: false, $"that of the recipe, or {NetworkOptions.DefaultNetwork}",
            resumed: result => start!.Resumes(result) && CheckOptions.ValueOf(result, output) is { } folder ? new RunFolder(folder) : null);
        var recipes = new RecipeOptions(command, network);
        var every = new Option<int>("--eval-every")
        {
            Description = "Evaluates after each multiple of N epochs, and before and after training; 0: never",
            HelpName = "N",
            DefaultValueFactory = _ => 10,
        };
        var keep = new Option<int>("--keep-every")
        {
            Description = "Keeps a checkpoint with the epoch's number after each multiple of N epochs; 0: never",
            HelpName = "N",
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random numbers", DefaultValueFactory = _ => 1 };
        var save = new Option<double>("--save-minutes")
        {
            Description = "Within an epoch, saves the last checkpoint every X minutes; 0: after each batch",
            HelpName = "X",
            DefaultValueFactory = _ => 5,
        };
        var teacher = new Option<FileInfo?>("--teacher")
        {
            Description = "Features of the training images by a larger network, from which the network also learns: the command "
                + "extract writes them",
            HelpName = "FILE",
        };
        teacher.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var path }] && !File.Exists(path)) result.AddError($"--teacher: there is no file {path}.");
        });
        var teacherWeight = new Option<double>("--teacher-weight")
        {
            Description = "The weight of the teacher beside the losses of the recipe", HelpName = "X", DefaultValueFactory = _ => 1,
        };
        CheckOptions.Between(0, 1000, teacherWeight);
        CheckOptions.Needs(command, teacherWeight, teacher);
        var log = new Option<bool>("--log-json")
        {
            Description = "Writes the start, each epoch and each evaluation to the standard error stream, one JSON object a line",
        };
        start = new StartOptions(command);
        CheckOptions.AtLeast(0, every, keep);
        CheckOptions.Between(0, 100_000, save);
        foreach (var option in new Option[] { teacher, teacherWeight, every, keep, seed, output, save, log }) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            var (recipe, settings) = recipes.Read(result);
            using var logs = result.GetValue(log) ? TrainingEvents.Json() : NullLoggerFactory.Instance;
            Experiment.Run(new TrainingSettings
            {
                Network = settings,
                Recipe = recipe,
                Output = result.GetRequiredValue(output),
                EvaluateEvery = result.GetValue(every),
                KeepEvery = result.GetValue(keep),
                Seed = result.GetValue(seed),
                Teacher = result.GetValue(teacher) is { } file ? new(file, result.GetValue(teacherWeight)) : null,
                Log = logs.CreateLogger(TrainingMeasures.MeterName),
                Start = start.Read(result),
                SaveAfter = TimeSpan.FromMinutes(result.GetValue(save)),
            }, data.Read(result), prepare: null, cancellationToken);
            return Task.FromResult(0);
        });
        return command;
    }
}

/// <summary>The options that choose a recipe and change its settings.</summary>
internal sealed class RecipeOptions
{
    private readonly NetworkOptions network;
    private readonly Option<string> recipe;
    private readonly Option<int?> epochs = new("--epochs")
    {
        Description = "Epochs of training; lengths of the recipe change in proportion [default: the recipe's]",
        HelpName = "N",
    };
    private readonly BatchOption batch;
    private readonly Option<double?> rate = new("--lr") { Description = "Learning rate [default: the recipe's]", HelpName = "RATE" };
    private readonly Option<int[]> milestones = new("--milestones")
    {
        Description = "The learning rate falls after these epochs [default: the recipe's: 40 70 of 120]",
        HelpName = "EPOCH ...",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<int?> warmUp = new("--warm-up")
    {
        Description = "Epochs over which the rate rises [default: the recipe's: 10 of 120]",
        HelpName = "N",
    };
    private readonly Option<double?> margin = new("--margin")
    {
        Description = "Margin of the triplet loss; 0: the soft margin [default: the recipe's]",
    };
    private readonly Option<double?> smoothing = new("--smoothing")
    {
        Description = "Label smoothing of the identity loss [default: the recipe's]",
    };
    private readonly Option<bool> normalize = new("--normalize") { Description = "The triplet loss compares features of length one" };
    private readonly Option<int[]> matryoshka = new("--matryoshka")
    {
        Description = "The triplet loss looks at the first N numbers of its rows too, for each N; evaluate shows what they reach",
        HelpName = "N ...",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<double?> erasing = new("--erasing")
    {
        Description = "Probability of random erasing [default: the recipe's]",
    };
    private readonly Option<string[]> without = new("--without")
    {
        Description = $"Tricks of Bag of Tricks to leave out: {string.Join(", ", Enum.GetNames<Trick>())}",
        HelpName = "TRICK ...",
        AllowMultipleArgumentsPerToken = true,
    };
    private readonly Option<string> distance = new("--distance")
    {
        Description = "How embeddings are compared [default: as the weights' file says, or the recipe]",
    };

    public RecipeOptions(Command command, NetworkOptions network)
    {
        this.network = network;
        batch = new BatchOption(command);
        recipe = new Option<string>("--recipe")
        {
            Description = $"How to train: {string.Join(", ", PublishedRecipes.All.Select(known => known.Name))}. The command recipe tells "
                + "all of each; the options below change it",
            HelpName = "NAME",
            DefaultValueFactory = _ => PublishedRecipes.Lesson.Name,
        };
        recipe.AcceptOnlyFromAmong([.. PublishedRecipes.All.Select(known => known.Name)]);
        distance.AcceptOnlyFromAmong("euclidean", "cosine");
        without.AcceptOnlyFromAmong(Enum.GetNames<Trick>());
        CheckOptions.Positive(epochs, milestones);
        CheckOptions.AtLeast(0, warmUp);
        const string widths = "--matryoshka takes different numbers of at least 1.";
        CheckOptions.Each(matryoshka, width => width >= 1, widths);
        matryoshka.Validators.Add(result =>
        {
            if (result.Tokens.DistinctBy(token => token.Value).Count() < result.Tokens.Count) result.AddError(widths);
        });
        CheckOptions.Between(0, 1, erasing, smoothing);
        CheckOptions.Between(0, 1000, margin, rate);
        CheckOptions.Each(rate, value => value > 0, "--lr must be above 0.");
        foreach (var (trick, option) in new (Trick, Option)[]
        {
            (Trick.WarmUp, warmUp), (Trick.RandomErasing, erasing), (Trick.LabelSmoothing, smoothing),
        })
            CheckOptions.Useless(command, option, result => (CheckOptions.ValueOf(result, without) ?? []).Contains(trick.ToString()),
                $"--without {trick} leaves out what {option.Name} sets: give one of them.");
        Option[] options = [recipe, epochs, rate, milestones, warmUp, margin, smoothing, normalize, matryoshka, erasing, without,
            distance];
        foreach (var option in options) command.Add(option);
    }

    /// <summary>The recipe with the user's changes, and the network that it trains.</summary>
    /// <exception cref="WrongOptionException">The user changes a setting that the recipe does not have.</exception>
    public (Recipe Recipe, NetworkSettings Network) Read(ParseResult result)
    {
        var chosen = PublishedRecipes.Named(result.GetRequiredValue(recipe));
        // The recipe of the lesson trains a small network from scratch. The recipes of papers name their own networks.
        if (ReferenceEquals(chosen, PublishedRecipes.Lesson)) chosen = chosen with { Architecture = NetworkOptions.DefaultNetwork };
        var settings = network.Read(result, chosen);
        chosen = settings.Change(chosen).Over(result.GetValue(epochs) ?? chosen.Epochs);
        chosen = batch.Change(chosen, result);
        if (result.GetValue(rate) is { } lr) chosen = chosen with { LearningRate = lr };
        if (result.GetValue(milestones) is { Length: > 0 } given)
            chosen = chosen.Schedule == ScheduleKind.MultiStep ? chosen with { Milestones = given }
                : throw new WrongOptionException($"--milestones: the rate of the recipe {chosen.Name} falls along a cosine.");
        if (!chosen.Milestones.SequenceEqual(chosen.Milestones.Order())) throw new WrongOptionException(
            $"--milestones takes epochs in ascending order, got {string.Join(' ', chosen.Milestones)}.");
        if (chosen.Milestones.Any(epoch => epoch > chosen.Epochs)) throw new WrongOptionException(
            $"--milestones {string.Join(' ', chosen.Milestones)}: the training has {chosen.Epochs} epochs.");
        if (result.GetValue(warmUp) is { } rise)
            chosen = rise <= chosen.Epochs ? chosen with { WarmUp = TrainingSpan.Epochs(rise) }
                : throw new WrongOptionException($"--warm-up {rise}: the training has {chosen.Epochs} epochs.");
        if (result.GetValue(margin) is { } m) chosen = Change("--margin", loss => loss.IsHardTriplet, loss => loss with { Margin = m });
        if (result.GetValue(smoothing) is { } share)
            chosen = Change("--smoothing", loss => loss.CanSmooth, loss => loss with { Smoothing = share });
        if (result.GetValue(normalize))
            chosen = Change("--normalize", loss => loss.Kind == LossKind.BatchHardTriplet, loss => loss with { Normalized = true });
        if (result.GetValue(matryoshka) is { Length: > 0 } widths)
            chosen = Change("--matryoshka", loss => loss.IsHardTriplet, loss => loss with { Widths = widths });
        if (result.GetValue(erasing) is { } probability) chosen = chosen with { Erasing = probability };
        if (DistanceOption.NameOf(result.GetValue(distance), settings) is { } name)
            chosen = chosen with { ComparesByCosine = name == "cosine" };
        foreach (var trick in (result.GetValue(without) ?? []).Select(Enum.Parse<Trick>))
            chosen = chosen.Without(trick) is var less && less.Fingerprint() != chosen.Fingerprint() ? less
                : throw new WrongOptionException($"--without {trick}: the recipe {chosen.Name} with the network {chosen.Architecture} "
                    + "does not have this trick.");
        return (chosen, settings with { Architecture = chosen.Architecture });

        Recipe Change(string option, Func<LossPlan, bool> which, Func<LossPlan, LossPlan> change) => chosen.Losses.Any(which)
            ? chosen with { Losses = [.. chosen.Losses.Select(loss => which(loss) ? change(loss) : loss)] }
            : throw new WrongOptionException($"{option}: the recipe {chosen.Name} has no such loss.");
    }
}
