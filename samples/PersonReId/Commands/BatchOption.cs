using System.CommandLine;
using System.Globalization;
using PersonReId.Recipes;

namespace PersonReId.Commands;

/// <summary>The option that says how large the batches of a training are.</summary>
internal sealed class BatchOption
{
    private const int Most = 10_000;    // so that a batch has fewer than 2^31 images
    private readonly Option<int[]> batch = new("--batch")
    {
        Description = "A batch: P identities with K images each [default: the recipe's]",
        HelpName = "P K",
        Arity = new ArgumentArity(2, 2),
        AllowMultipleArgumentsPerToken = true,
    };

    public BatchOption(Command command)
    {
        CheckOptions.Each(batch, number => number >= 2,
            "--batch takes at least 2 identities and 2 images of each: a triplet needs both a match and another identity.");
        CheckOptions.Each(batch, number => number <= Most, string.Create(CultureInfo.InvariantCulture,
            $"--batch takes at most {Most} identities and {Most} images of each."));
        command.Add(batch);
    }

    /// <summary>The recipe with the batches that the user asks for.</summary>
    public Recipe Change(Recipe recipe, ParseResult result) => result.GetValue(batch) is [var identities, var images]
        ? recipe with { IdentitiesPerBatch = identities, ImagesPerIdentity = images } : recipe;
}
