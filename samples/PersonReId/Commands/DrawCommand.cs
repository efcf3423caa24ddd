using System.CommandLine;
using PersonReId.Synthetic;

namespace PersonReId.Commands;

/// <summary><c>draw</c>: only draws the synthetic dataset, for the other commands.</summary>
internal static class DrawCommand
{
    public static Command Create()
    {
        var command = new Command("draw", "Draws a dataset of synthetic pedestrians with the folders and file names of Market-1501");
        var initial = new SyntheticPedestrians();
        var output = new Option<DirectoryInfo>("--output") { Description = "The folder", HelpName = "DIR", Required = true };
        var train = new Option<int>("--train")
        {
            Description = "People of the training set",
            HelpName = "N",
            DefaultValueFactory = _ => initial.TrainIdentities,
        };
        var test = new Option<int>("--test")
        {
            Description = "Other people, for query and gallery",
            HelpName = "N",
            DefaultValueFactory = _ => initial.TestIdentities,
        };
        var cameras = new Option<int>("--cameras") { Description = "Cameras", HelpName = "N", DefaultValueFactory = _ => initial.Cameras };
        var seed = new Option<ulong>("--seed") { Description = "Seed of people and images", DefaultValueFactory = _ => initial.Seed };
        CheckOptions.AtLeast(2, train, test, cameras);
        foreach (var option in new Option[] { output, train, test, cameras, seed }) command.Add(option);
        command.SetAction((result, cancellationToken) =>
        {
            DemoCommand.Draw(initial with
            {
                TrainIdentities = result.GetValue(train),
                TestIdentities = result.GetValue(test),
                Cameras = result.GetValue(cameras),
                Seed = result.GetValue(seed),
            }, result.GetRequiredValue(output).FullName, cancellationToken);
            return Task.FromResult(0);
        });
        return command;
    }
}
