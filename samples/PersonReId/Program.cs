using System.CommandLine;
using PersonReId.Commands;

// Person re-identification with the library's own parts. Without a command the program runs a demo that needs no data.
var root = new RootCommand("Trains and evaluates networks that recognize people across cameras. Without a command: the demo.")
{
    TrainCommand.Create(), RecipeCommand.Create(), TricksCommand.Create(), EvaluateCommand.Create(), ExtractCommand.Create(),
    RankCommand.Create(), DemoCommand.Create(), DrawCommand.Create(),
};
DemoCommand.Install(root);
return await App.RunAsync(root, args);
