using System.CommandLine;

namespace PersonReId.Commands;

/// <summary>The command line.</summary>
internal static class CommandLine
{
    public static RootCommand Create()
    {
        var root = new RootCommand("Trains and evaluates networks that recognize people across cameras. Without a command: the demo.")
        {
            TrainCommand.Create(), AdaptCommand.Create(), RecipeCommand.Create(), TricksCommand.Create(), EvaluateCommand.Create(),
            ExtractCommand.Create(), RankCommand.Create(), DemoCommand.Create(), DrawCommand.Create(),
        };
        DemoCommand.Install(root);
        return root;
    }
}
