namespace MetricLearning.Quality;

/// <summary>All rows.</summary>
internal static class EntryTable
{
    /// <summary>The loss with which miners, batches, heads and curves are shown.</summary>
    public const string Triplet = "triplet, batch-hard";

    /// <summary>The other loss whose curves are shown. The other loss with heads is <see cref="ClassEntries.Softmax"/>.</summary>
    public const string Softmax = "normalized softmax";

    /// <summary>Losses that have no row, and why.</summary>
    public static IReadOnlyDictionary<Type, string> LeftOut { get; } = new Dictionary<Type, string>
    {
        [typeof(EmbeddingDistillationLoss)] = "needs a larger network as its teacher",
        [typeof(RelationDistillationLoss)] = "needs a larger network as its teacher",
        [typeof(RankingDistillationLoss)] = "needs a larger network as its teacher",
        [typeof(ClusterContrastLoss)] = "trains on clusters, and these data have identities",
        [typeof(ClipLoss)] = "compares the outputs of two networks, such as one for images and one for texts",
        [typeof(SigLipLoss)] = "compares the outputs of two networks, such as one for images and one for texts",
        [typeof(CoSentLoss)] = "learns from a similarity of each pair, which these data do not have",
        [typeof(AnglELoss)] = "learns from a similarity of each pair, which these data do not have",
        [typeof(CosineSimilarityLoss)] = "learns from a similarity of each pair, which these data do not have",
    };

    /// <summary>Miners that have no row, and why.</summary>
    public static IReadOnlyDictionary<Type, string> MinersLeftOut { get; } = new Dictionary<Type, string>();

    /// <summary>All rows; names are unique.</summary>
    public static IReadOnlyList<Entry> All { get; } =
        [.. TripletEntries.All, .. PairEntries.All, .. RankingEntries.All, .. ClassEntries.All, .. OtherEntries.All, .. Heads, .. Curves];

    public static Entry Named(string name) => All.First(entry => entry.Name == name);

    private static IEnumerable<Entry> Heads =>
        from loss in new[] { TripletEntries.All.First(entry => entry.Name == Triplet), ClassEntries.Softmax }
        from head in Head.Others
        select loss with { Name = $"{loss.Name}: {head}", Group = EntryGroup.Heads, Head = head };

    private static IEnumerable<Entry> Curves =>
        from loss in new[]
        {
            TripletEntries.All.First(entry => entry.Name == Triplet), ClassEntries.All.First(entry => entry.Name == Softmax),
        }
        from less in new (string Name, double People, int? Pictures)[]
        {
            ("1/8 of the classes", 0.125, null), ("1/4 of the classes", 0.25, null), ("1/2 of the classes", 0.5, null),
            ("2 pictures a class", 1, 2), ("4 pictures a class", 1, 4), ("8 pictures a class", 1, 8),
        }
        select loss with
        {
            Name = $"{loss.Name}: {less.Name}",
            Group = EntryGroup.Curves,
            TunedAs = loss.Name,
            People = less.People,
            Pictures = less.Pictures,
        };
}
