using System.Globalization;
using MetricLearning;
using MetricLearning.Search;
using ProductSearch.Drawing;

namespace ProductSearch;

/// <summary>The answer, in words, to whether the product in the picture has been found.</summary>
/// <param name="Kind"><c>match</c>, <c>unsure</c> or <c>none</c>.</param>
/// <param name="Title">The answer.</param>
/// <param name="Text">A sentence that says how sure the answer is.</param>
internal sealed record Answer(string Kind, string Title, string Text);

/// <summary>Says whether the best result of a search is the product in the picture. It learned that from pictures of products that the
/// catalogue has and of products that it lacks.</summary>
internal sealed class Judge(MatchDecision? decision)
{
    /// <summary>The least number of products from which it learns.</summary>
    private const int FewestProducts = 40;

    private const double ErrorRate = 0.05;

    private const int Trials = 400, PictureSide = 96;

    /// <summary>Reads the decision that an earlier start has learned for the catalogue, or learns it now.</summary>
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
    private static async Task<MatchDecision?> LearnAsync(Settings settings, Embedder embedder, Catalogue catalogue,
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
        // A network that finds nearly nothing, or everything, gives too few pairs of one kind. Then the page shows results without an
        // answer.
        MatchDecision.TryCalibrate(pairs, out var learned, falseMatchRate: ErrorRate, falseNonMatchRate: ErrorRate);
        return learned;
    }

    /// <summary>Returns the product of an example. Every fourth one is not in the catalogue.</summary>
    public static Product ProductOf(Settings settings, int example) => Product.Of(settings.Seed, NumberOf(settings, example));

    /// <summary>Returns the answer to a search; null if it has no answer.</summary>
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
        const int prime = 7919;     // so that the examples are spread over the whole catalogue
        return settings.Products == 0 || example % 4 == 3 ? settings.Products + example : (int)((long)example * prime % settings.Products);
    }
}
