namespace MetricLearning.Quality;

/// <summary>What the results of a kind say: means, intervals, and which entries are worse than the best.</summary>
internal sealed class KindTable
{
    private readonly KindResults results;
    private readonly long[] identities;
    private readonly Dictionary<string, double> worse = [];     // adjusted p against the best

    public KindTable(KindResults results)
    {
        this.results = results;
        identities = [.. results.Queries.SelectMany((queries, identity) => Enumerable.Repeat((long)identity, queries))];
        var losses = EntryTable.All.Where(entry => entry.Group == EntryGroup.Losses && Has(entry.Name)).ToList();
        if (losses.Count == 0) return;
        // The validation identities choose it, so that chance on the test identities does not.
        Best = losses.MaxBy(entry => results.Entries[entry.Name].Chosen?.Validation ?? 0)!.Name;
        var others = losses.Select(entry => entry.Name).Where(name => name != Best).ToList();
        foreach (var (name, p) in others.Zip(MultipleComparisons.Holm([.. others.Select(name => Compare(Best, name).PermutationP)])))
            worse[name] = p;
    }

    public KindResults Results => results;

    /// <summary>The loss that is best on the validation identities.</summary>
    public string? Best { get; }

    /// <summary>Whether an entry has all its seeds; a control has one.</summary>
    public bool Has(string name) => results.Entries.TryGetValue(name, out var result)
        && result.Seeds.Count >= (Controls.All.ContainsKey(name) ? 1 : Runner.Seeds);

    /// <summary>The mean average precision, with the interval over identities and seeds.</summary>
    public ConfidenceInterval Mean(string name) => new Bootstrap { Resamples = 2000 }.OverIdentitiesAndRuns(
        [.. results.Entries[name].Seeds.Select(seed => Queries(seed.PerIdentity))], identities);

    public double Rank1(string name) => results.Entries[name].Seeds.Average(seed => seed.Rank1);

    /// <summary>Whether a loss is the best, or cannot be told from it at 5 %.</summary>
    public bool MayBeBest(string name) => name == Best || worse.TryGetValue(name, out var p) && !(p < 0.05);

    /// <summary>The paired test of two entries by identity, each with the mean over its seeds.</summary>
    public PairedTest Compare(string first, string second) => PairedTest.Compare(OverSeeds(first), OverSeeds(second), identities);

    private double[] OverSeeds(string name)
    {
        var seeds = results.Entries[name].Seeds;
        return Queries([.. results.Queries.Select((_, identity) => seeds.Average(seed => seed.PerIdentity[identity]))]);
    }

    /// <summary>One value per query: the mean over all queries of its identity. So the mean over queries is that of the
    /// evaluation.</summary>
    private double[] Queries(IReadOnlyList<double> perIdentity) => [.. identities.Select(identity => perIdentity[(int)identity])];
}
