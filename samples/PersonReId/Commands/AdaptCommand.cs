using System.CommandLine;

namespace PersonReId.Commands;

/// <summary><c>adapt</c>: trains a network further on images without identities, such as those of new cameras.</summary>
internal static class AdaptCommand
{
    public static Command Create()
    {
        var command = new Command("adapt", "Trains a network further on images without identities, and tests it before and after");
        var data = new DataOption(command);
        var output = new Option<DirectoryInfo>("--output")
        {
            Description = "Folder of the checkpoint", HelpName = "DIR", DefaultValueFactory = _ => new DirectoryInfo("artifacts/adapt"),
        };
        StartOptions? start = null;
        var network = new NetworkOptions(command, weightsRequired: true,
            resumed: result => start!.Resumes(result) && CheckOptions.ValueOf(result, output) is { } folder ? new RunFolder(folder) : null);
        var unlabeled = new Option<DirectoryInfo>("--unlabeled")
        {
            Description = "Folder of the images to train on [default: the training images of --data, without their identities]",
            HelpName = "DIR",
        }.MustExist();
        var radius = new Option<double>("--radius")
        {
            Description = "The largest Jaccard distance of neighbors in a cluster; a smaller one makes smaller and purer clusters",
            DefaultValueFactory = _ => 0.4,
        };
        var epochs = new Option<int>("--epochs")
        {
            Description = "Epochs of training, each on new clusters; the rate falls to a tenth after two thirds",
            HelpName = "N",
            DefaultValueFactory = _ => 12,
        };
        var batch = new Option<int[]>("--batch")
        {
            Description = "A batch: P clusters with K images each",
            HelpName = "P K",
            Arity = new ArgumentArity(2, 2),
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [16, 4],
        };
        var rate = new Option<double>("--lr") { Description = "Learning rate", DefaultValueFactory = _ => 3.5e-4 };
        var seed = new Option<ulong>("--seed") { Description = "Seed of all random numbers", DefaultValueFactory = _ => 1 };
        start = new StartOptions(command);
        CheckOptions.Positive(epochs);
        CheckOptions.Each(batch, number => number is >= 2 and <= 10_000, "--batch takes two numbers from 2 to 10000.");
        CheckOptions.Each(radius, value => value is > 0 and < 1, "--radius must be above 0 and below 1.");
        CheckOptions.Each(rate, value => value is > 0 and <= 1000, "--lr must be above 0 and at most 1000.");
        foreach (var option in new Option[] { unlabeled, radius, epochs, batch, rate, seed, output }) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            Adaptation.Run(data.Read(result), new AdaptationSettings
            {
                Network = network.Read(result),
                Output = result.GetRequiredValue(output),
                Images = result.GetValue(unlabeled),
                Radius = result.GetValue(radius),
                Epochs = result.GetValue(epochs),
                ClustersPerBatch = result.GetRequiredValue(batch)[0],
                ImagesPerCluster = result.GetRequiredValue(batch)[1],
                LearningRate = result.GetValue(rate),
                Seed = result.GetValue(seed),
                Start = start.Read(result),
            }, cancellationToken);
            return Task.FromResult(0);
        });
        return command;
    }
}
