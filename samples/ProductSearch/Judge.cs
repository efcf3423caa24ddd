using System.Globalization;
using MetricLearning;
using MetricLearning.Search;
using ProductSearch.Drawing;

namespace ProductSearch;

/// <summary>Whether the product that was looked for has been found, in words.</summary>
/// <param name="Kind"><c>match</c>, <c>unsure</c> or <c>none</c>.</param>
/// <param name="Title">The answer.</param>
/// <param name="Text">How sure it is.</param>
internal sealed record Answer(string Kind, string Title, string Text);

/// <summary>Says whether the best result of a search is the product in the picture. It learned that from pictures of products that the
/// catalogue has and of products that it lacks.</summary>
internal sealed class Judge(MatchDecision? decision)
{
    /// <summary>Fewer products than this are too few to learn from.</summary>
    private const int FewestProducts = 40;

    private const int Trials = 400, PictureSide = 96;

    /// <summary>What the scores of a catalogue mean, as an earlier start has learned it, or learned now.</summary>
    public static async Task<Judge> OfAsync(Settings settings, Gallery gallery, Embedder embedder, Catalogue catalogue, StatusBoard board,
        CancellationToken cancellationToken)
    {
        if (settings.Products < FewestProducts) return new Judge(decision: null);
        var name = string.Create(CultureInfo.InvariantCulture, $"{settings.Products} products of seed {settings.Seed}");
        return new Judge(await gallery.DecisionAsync(name, () =>
        {
            board.Show("Learning how sure the answers are");
            return LearnAsync(settings, embedder, catalogue, cancellationToken);
        }));
    }

    /// <summary>Searches for drawn products, and learns what their scores mean.</summary>
    private static async Task<MatchDecision> LearnAsync(Settings settings, Embedder embedder, Catalogue catalogue,
        CancellationToken cancellationToken)
    {
        var pictures = Enumerable.Range(0, Trials).AsParallel().AsOrdered().WithCancellation(cancellationToken)
            .Select(trial => ProductOf(settings, trial)
                .Photograph(View.AtHome(SeededRandom.ForStream(settings.Seed, 0x1D, (ulong)trial)), PictureSide)).ToArray();
        var vectors = embedder.Embed(pictures);
        var pairs = new List<LabelledPair>();
        for (var trial = 0; trial < Trials; trial++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var best = (await catalogue.SearchAsync(vectors[trial], count: 1))[0];
            pairs.Add(new LabelledPair(best.Score, best.Item.Id == Startup.IdOf(settings, NumberOf(settings, trial))));
        }
        return MatchDecision.Calibrate(pairs, falseMatchRate: 0.05, falseNonMatchRate: 0.05);
    }

    /// <summary>The product of an example; every fourth one is not in the catalogue.</summary>
    public static Product ProductOf(Settings settings, int example) => Product.Of(settings.Seed, NumberOf(settings, example));

    /// <summary>The answer to a search; null where there is nothing to say.</summary>
    public Answer? Of(IReadOnlyList<Found> found)
    {
        if (decision is null || found.Count == 0) return null;
        var verdict = decision.Decide(found[0].Score);
        var name = char.ToLowerInvariant(found[0].Item.Name[0]) + found[0].Item.Name[1..];
        var sure = verdict.Probability.ToString("P0", CultureInfo.InvariantCulture);
        return verdict.Answer switch
        {
            MatchAnswer.Match => new("match", $"This is the {name}.", $"The probability that it is the same product is {sure}."),
            MatchAnswer.Unsure => new("unsure", $"This may be the {name}.", $"The probability that it is the same product is {sure}."),
            _ => new("none", "The catalogue does not seem to have this product.",
                $"The most similar one is the {name}; the probability that it is the same product is {sure}."),
        };
    }

    private static int NumberOf(Settings settings, int example)
    {
        const int prime = 7919;     // so that examples come from all over the catalogue
        return settings.Products == 0 || example % 4 == 3 ? settings.Products + example : (int)((long)example * prime % settings.Products);
    }
}
