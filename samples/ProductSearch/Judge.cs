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

/// <summary>Says whether the best result of a search is the product in the picture. It learns that from pictures of products that the
/// catalogue has and of products that it lacks. Any number of threads may ask while one thread learns.</summary>
internal sealed class Judge(Settings settings, Gallery gallery, Embedder embedder, Catalogue catalogue)
{
    /// <summary>The most that the number of an example may be.</summary>
    public const int LastExample = 999_999;

    /// <summary>The least number of products from which it learns.</summary>
    private const int FewestProducts = 40;

    private const double ErrorRate = 0.05;

    private const int Trials = 400, TrialsAtOnce = 4, PictureSide = 96;

    /// <summary>The vectors of the pictures from which it learns. They do not depend on the catalogue, so they are made once.</summary>
    private float[][]? vectors;

    /// <summary>Null before it has learned, and if there is too little to learn from.</summary>
    private volatile MatchDecision? decision;

    /// <summary>The catalogue, in words, for which it has learned or read the decision; null before that.</summary>
    public string? LearnedFor { get; private set; }

    /// <summary>Reads the decision that an earlier start has learned for the catalogue, or learns it now. In a larger catalogue more
    /// products look alike, so a decision holds only for the number of items that it was learned with.</summary>
    public async Task LearnAsync(StatusBoard board, bool canStop, CancellationToken cancellationToken)
    {
        if (settings.Products < FewestProducts) return;
        var name = string.Create(CultureInfo.InvariantCulture,
            $"{catalogue.Count} items, {settings.Products} of them drawn with seed {settings.Seed}");
        decision = await gallery.DecisionAsync(name, () =>
        {
            board.Show("Learning how sure the answers are", canStop: canStop);
            return LearnAsync(cancellationToken);
        });
        LearnedFor = name;
    }

    /// <summary>Searches for drawn products, and learns what their scores mean.</summary>
    private async Task<MatchDecision?> LearnAsync(CancellationToken cancellationToken)
    {
        vectors ??= Photographed(cancellationToken);
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

    /// <summary>Draws the pictures from which it learns, and computes their vectors: a few at a time and on one thread, because the program
    /// answers searches meanwhile.</summary>
    private float[][] Photographed(CancellationToken cancellationToken) =>
    [
        .. Enumerable.Range(0, Trials).Chunk(TrialsAtOnce).SelectMany(trials =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            return embedder.Embed([.. trials.Select(trial => ProductOf(settings, trial)
                .Photograph(View.AtHome(SeededRandom.ForStream(settings.Seed, 0x1D, (ulong)trial)), PictureSide))]);
        }),
    ];

    /// <summary>Returns the product of an example. Every fourth one is not in the catalogue.</summary>
    public static Product ProductOf(Settings settings, int example) => Product.Of(settings.Seed, NumberOf(settings, example));

    /// <summary>Returns the answer to a search of the whole catalogue; null if it has no answer.</summary>
    public Answer? Of(IReadOnlyList<Found> found)
    {
        if (decision is not { } learned || found.Count == 0) return null;
        var verdict = learned.Decide(found[0].Score);
        var name = InSentence(found[0].Item);
        var sure = verdict.Probability.ToString("P0", CultureInfo.InvariantCulture);
        return verdict.Answer switch
        {
            MatchAnswer.Match => new("match", $"This is {name}.", $"The probability that it is the same product is {sure}."),
            MatchAnswer.Unsure => new("unsure", $"This may be {name}.", $"The probability that it is the same product is {sure}."),
            _ => new("none", "The catalogue does not seem to have this product.",
                $"The most similar one is {name}; the probability that it is the same product is {sure}."),
        };
    }

    /// <summary>The name of an item inside a sentence. The name of a user's picture stays as the user wrote it.</summary>
    private static string InSentence(Item item) =>
        Startup.IsDrawn(item) ? $"the {char.ToLowerInvariant(item.Name[0])}{item.Name[1..]}" : item.Name;

    private static int NumberOf(Settings settings, int example)
    {
        const int prime = 7919;     // so that the examples are spread over the whole catalogue
        return settings.Products == 0 || example % 4 == 3 ? settings.Products + example : (int)((long)example * prime % settings.Products);
    }
}
