using System.Diagnostics;

namespace MetricLearning.Quality;

/// <summary>Fills the table of a kind, training after training, and goes on where it was stopped.</summary>
internal sealed class Runner(QualityData data, bool quick, string path)
{
    private const string Failed = "failed";
    private readonly KindResults results = KindResults.Continue(path, data.Kind, Budget(data, quick));

    /// <summary>The number of seeds of each entry.</summary>
    public const int Seeds = 3;

    /// <summary>The time from which no further training begins; null for no end.</summary>
    public DateTime? Until { get; init; }

    /// <summary>Gets a line after each entry.</summary>
    public Action<string> Report { get; init; } = _ => { };

    private static string Budget(QualityData data, bool quick) =>
        $"{data.Sizes}; {Trial.Steps(data.Kind, quick)} steps; embeddings of {Networks.Dimension}";

    /// <summary>Trains whatever is missing.</summary>
    /// <returns>Whether nothing is missing any more.</returns>
    public bool Run(IReadOnlyList<Entry> entries)
    {
        (results.TrainPictures, results.TrainClasses) = (data.Train.Count, data.Classes);
        foreach (var control in Controls.All)
            if (!Seen(control.Key, seed => control.Value(data, seed), seeds: 1)) return false;
        foreach (var entry in entries.Where(entry => entry.Suits(data.Kind)))
            if ((entry.TunedAs is { } basis && !Train(EntryTable.Named(basis))) || !Train(entry)) return false;
        return true;
    }

    private bool Train(Entry entry)
    {
        var result = results.Of(entry.Name);
        foreach (var (rate, value) in entry.Points)
        {
            if (result.Search.Any(point => Near(point.Rate, rate) && Near(point.Value, value))) continue;
            if (IsOver()) return false;
            result.Search.Add(Search(entry, rate, value));
            results.Save(path);
        }
        var chosen = (entry.TunedAs is { } basis ? results.Of(basis) : result).Chosen;
        if (chosen?.Distance is not { } distance)
        {
            Report($"{entry.Name}: {Failed} at each point");
            return true;
        }
        return Seen(entry.Name, seed =>
        {
            var less = entry.People < 1 || entry.Pictures is not null ? data.Less(entry.People, entry.Pictures, seed) : data;
            try
            {
                using var model = Trial.Train(entry, less, chosen.Rate, chosen.Value, Trial.Steps(data.Kind, quick), seed);
                return Trial.Embed(model, data, data.Test);
            }
            finally
            {
                if (!ReferenceEquals(less, data)) less.Train.Dispose();
            }
        }, quick ? 1 : Seeds, distance);
    }

    /// <summary>Trains with each seed that is missing, and evaluates on the test identities.</summary>
    private bool Seen(string name, Func<ulong, EmbeddingSet> embed, int seeds, string distance = "cosine")
    {
        var result = results.Of(name);
        var known = result.Seeds.Count;
        for (var seed = 1UL; seed <= (ulong)seeds; seed++)
        {
            if (result.Seeds.Any(done => done.Seed == seed)) continue;
            if (IsOver()) return false;
            var clock = Stopwatch.StartNew();
            try
            {
                using var test = embed(seed);
                var seconds = clock.Elapsed.TotalSeconds;
                var figures = Figures.Of(test, distance);
                results.Queries = figures.Queries;
                result.Seeds.Add(new(seed, figures.MeanAveragePrecision, figures.Rank1, seconds, figures.PerIdentity));
            }
            catch (ArithmeticException)
            {
                result.Seeds.Add(new(seed, 0, 0, clock.Elapsed.TotalSeconds, [.. results.Queries.Select(_ => 0.0)]));
            }
            results.Save(path);
        }
        if (result.Seeds.Count > known) Report(FormattableString.Invariant(
            $"{data.Kind}, {name}: mAP {result.Seeds.Average(seed => seed.MeanAveragePrecision):F3}"));
        return true;
    }

    /// <summary>Trains a point of the search with a seed of its own, and evaluates on the validation identities.</summary>
    private SearchPoint Search(Entry entry, double rate, double value)
    {
        try
        {
            using var model = Trial.Train(entry, data, rate, value, Trial.Steps(data.Kind, quick), seed: 0);
            using var validation = Trial.Embed(model, data, data.Validation);
            var best = Figures.Distances.Select(distance => Figures.Of(validation, distance)).MaxBy(one => one.MeanAveragePrecision)!;
            return new(rate, value, best.Distance, best.MeanAveragePrecision);
        }
        catch (ArithmeticException)
        {
            return new(rate, value, null, 0);
        }
    }

    private bool IsOver() => DateTime.UtcNow >= Until;

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-4;
}
