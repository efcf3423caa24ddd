using System.CommandLine;
using PersonReId.Recipes;

namespace PersonReId.Commands;

/// <summary><c>recipe</c>: prints all settings of a recipe.</summary>
internal static class RecipeCommand
{
    public static Command Create()
    {
        var name = new Argument<string?>("name")
        {
            Description = $"One of {string.Join(", ", PublishedRecipes.All.Select(recipe => recipe.Name))}; without it all are listed",
            Arity = ArgumentArity.ZeroOrOne,
        };
        name.AcceptOnlyFromAmong([.. PublishedRecipes.All.Select(recipe => recipe.Name)]);
        var epochs = new Option<int?>("--epochs")
        {
            Description = "Over so many epochs; all its lengths change in proportion",
            HelpName = "N",
        };
        CheckOptions.Positive(epochs);
        var command = new Command("recipe", "Prints the recipes of train, or all that one of them resolves to") { name, epochs };
        CheckOptions.Useless(command, epochs, result => !CheckOptions.IsGiven(result, name), "--epochs needs the name of a recipe.");
        command.SetAction(result =>
        {
            if (result.GetValue(name) is not { } chosen)
            {
                Ui.Table([["recipe", "fingerprint", "source"],
                    .. PublishedRecipes.All.Select(recipe => new[] { recipe.Name, recipe.Fingerprint(), recipe.Source })]);
                return 0;
            }
            var recipe = PublishedRecipes.Named(chosen);
            Print(recipe.Over(result.GetValue(epochs) ?? recipe.Epochs));
            return 0;
        });
        return command;
    }

    /// <summary>Prints all settings of a recipe.</summary>
    public static void Print(Recipe recipe)
    {
        Ui.Heading($"Recipe {recipe.Name}");
        Ui.Line(recipe.Source);
        foreach (var (name, value) in recipe.Lines()) Ui.Line($"  {name}: {value}");
        if (recipe.Omitted.Count > 0) Ui.Line($"  without: {string.Join(", ", recipe.Omitted)}");
        foreach (var difference in recipe.Differences) Ui.Line($"  differs: {difference}");
        Ui.Line($"  fingerprint: {recipe.Fingerprint()}");
    }
}
