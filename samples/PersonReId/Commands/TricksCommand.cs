using System.CommandLine;
using MetricLearning;
using PersonReId.Recipes;

namespace PersonReId.Commands;

/// <summary><c>tricks</c>: reproduces the table of Bag of Tricks, trick by trick.</summary>
internal static class TricksCommand
{
    public static Command Create()
    {
        var command = new Command("tricks", "Trains the baseline of Bag of Tricks, then with one trick after the other; prints its table");
        var data = new DataOption(command);
        var whole = PublishedRecipes.Named("bag-of-tricks");
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder of the runs; one that was stopped goes on",
            HelpName = "DIR",
            DefaultValueFactory = _ => new DirectoryInfo("artifacts/tricks"),
        };
        var network = new NetworkOptions(command, weightsRequired: false, whole.Architecture,
            resumed: result => CheckOptions.ValueOf(result, output) is { } folder ? BegunIn(folder) : null);
        var epochs = new Option<int>("--epochs") { Description = "Epochs of each run", HelpName = "N", DefaultValueFactory = _ => 120 };
        var batch = new BatchOption(command);
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random numbers", DefaultValueFactory = _ => 1 };
        CheckOptions.Positive(epochs);
        foreach (var option in new Option[] { epochs, seed, output }) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            var recipe = whole.Over(result.GetValue(epochs));
            var settings = network.Read(result, recipe);
            recipe = settings.Change(batch.Change(recipe, result));
            return Task.FromResult(Run(data.Read(result), recipe, settings, result.GetRequiredValue(output), result.GetValue(seed),
                cancellationToken));
        });
        return command;
    }

    /// <summary>The steps of the table: the baseline, and then one more trick at a time.</summary>
    public static IReadOnlyList<(string Name, Recipe Recipe)> Steps(Recipe whole)
    {
        var tricks = Enum.GetValues<Trick>();
        return [.. Enumerable.Range(0, tricks.Length + 1).Select(count => (
            count == 0 ? "baseline" : $"+ {tricks[count - 1]}",
            tricks.Skip(count).Aggregate(whole, (recipe, trick) => recipe.Without(trick))))];
    }

    private static int Run(DataSource source, Recipe whole, NetworkSettings network, DirectoryInfo output, ulong seed,
        CancellationToken cancellationToken)
    {
        Outputs.Check(output);
        if (network.Weights is { Exists: false } missing && !network.ImageNet
            && Steps(whole).FirstOrDefault(step => !File.Exists(FolderOf(output, step.Recipe).Last)) is ({ } name, { } next))
            throw new UserErrorException($"--weights: there is no file {missing.FullName}, and the step '{name}' has not begun: there is "
                + $"no {FolderOf(output, next).Last}.");
        List<string[]> table = [["step", "rank-1 (mAP)", "fingerprint"]];
        TrainingSettings? last = null;
        foreach (var (step, recipe) in Steps(whole))
        {
            Ui.Heading(step);
            var folder = FolderOf(output, recipe);
            last = new TrainingSettings
            {
                Network = network with { Architecture = recipe.Architecture },
                Recipe = recipe,
                Output = new DirectoryInfo(folder.Name),
                Seed = seed,
                EvaluateEvery = recipe.Epochs,
                Start = File.Exists(folder.Last) ? RunStart.Resume : RunStart.New,
            };
            using var use = new FolderLock(folder.Name, "--output");
            if (last.Start == RunStart.Resume) RunRecord.CheckSettings(source, last);
            var figures = TrainingLoop.Run(source, last, cancellationToken).Progress[^1].Figures;
            table.Add([step, Cell(figures), recipe.Fingerprint()]);
        }
        table.Add(["+ re-ranking", Cell(Figures.Of(Reranked(source, last!, cancellationToken))), last!.Recipe.Fingerprint()]);
        Ui.Heading("Trick by trick");
        Ui.Table(table);
        return 0;

        static string Cell(Figures figures) => $"{Ui.Percent(figures.Rank1)} ({Ui.Percent(figures.MAP)})";
    }

    /// <summary>The folder of a step.</summary>
    private static RunFolder FolderOf(DirectoryInfo output, Recipe recipe) =>
        new(new DirectoryInfo(Path.Combine(output.FullName, recipe.Fingerprint())));

    /// <summary>A step that has begun; null if none has. All start from the same weights.</summary>
    private static RunFolder? BegunIn(DirectoryInfo output) => output.Exists
        ? output.EnumerateDirectories().Select(folder => new RunFolder(folder)).FirstOrDefault(run => File.Exists(run.Last)) : null;

    /// <summary>Evaluates the last run again, with k-reciprocal re-ranking of its results.</summary>
    private static RetrievalReport Reranked(DataSource source, TrainingSettings settings, CancellationToken cancellationToken)
    {
        var data = source.Open(testOnly: true);
        using var model = Networks.Create(settings.Network with { Weights = new FileInfo(settings.Folder.Last), File = null });
        var (query, gallery) = Evaluation.ExtractTest(model, data, settings.Network, cancellationToken);
        using (query)
        using (gallery)
            return new RetrievalEvaluator { Distance = settings.Distance, Protocol = data.Protocol, Reranking = new KReciprocalReranker() }
                .Evaluate(query, gallery, cancellationToken: cancellationToken);
    }
}
