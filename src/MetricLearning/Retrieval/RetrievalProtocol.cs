namespace MetricLearning;

/// <summary>The rules of an evaluation: which gallery images are removed from a query's list, and how many gallery images of each identity
/// count for CMC.</summary>
/// <remarks>
/// <para>A match is a gallery image of the query's identity that the rules leave in the list. Distractors (identity 0 in Market-1501) need
/// no rule: no query has their identity, so they stay in the list and never match. Use <c>with</c> to vary a protocol:
/// <c>RetrievalProtocol.Market1501 with { Name = "MSMT17" }</c>.</para>
/// <para>An evaluator whose protocol is null uses the default. If both sides have cameras, it is <see cref="Market1501"/>. If neither has
/// cameras, it is <see cref="NoFilter"/>, or <see cref="SelfRetrieval"/> for one set. Cameras on only one side are refused. The report
/// names the protocol that was used.</para>
/// <para>Thread safety: immutable; any number of threads may use it at once. <see cref="Keep"/> is called from several threads.</para>
/// </remarks>
public sealed record RetrievalProtocol
{
    /// <summary>The name that reports print with the figures.</summary>
    /// <exception cref="ArgumentNullException">The name is null.</exception>
    public required string Name { get; init => field = Guard.NotNull(value); }

    /// <summary>Which images of the query's own camera are removed from its list. Default: none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public CameraFilter Cameras { get; init => field = Guard.Defined(value); }

    /// <summary>The identity of junk images, any 64-bit number. Gallery images of this identity are removed for all queries, and queries of
    /// this identity are skipped. Default: null, there is no junk.</summary>
    public long? JunkIdentity { get; init; }

    /// <summary>Whether queries and gallery are one set, from which each query's own row (by index, not by distance) is removed.
    /// Default: no.</summary>
    public bool RemovesSelf { get; init; }

    /// <summary>How many gallery images of each identity count for CMC. Average precision is always over the whole list. Default:
    /// all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is undefined.</exception>
    public GalleryShots Shots { get; init => field = Guard.Defined(value); }

    /// <summary>The number of draws of <see cref="GalleryShots.SingleSampled"/>. Default: 10.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public int Repeats { get; init => field = Guard.AtLeast(value, 1); } = 10;

    /// <summary>The seed of <see cref="GalleryShots.SingleSampled"/>. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>A further rule: takes a query and a gallery image, and returns whether the image stays in the query's list. It is called
    /// from several threads, at least once for each pair that the other rules leave, and must give the same answer each time. Default:
    /// null, no further rule.</summary>
    public Func<RetrievalItem, RetrievalItem, bool>? Keep { get; init; }

    /// <summary>Whether only the rows after the query's own are in its list. In one set each pair then occurs once.</summary>
    internal bool KeepsLaterRowsOnly { get; init; }

    /// <summary>Market-1501, DukeMTMC-reID and MSMT17: images of the query's identity from the query's camera are removed, and so are
    /// images of the junk identity −1 (Zheng et al., ICCV 2015).</summary>
    public static RetrievalProtocol Market1501 { get; } = new() { Name = "Market-1501", Cameras = CameraFilter.SameIdentity,
        JunkIdentity = -1 };

    /// <summary>VeRi-776: vehicles of the query's identity from the query's camera are removed (Liu et al., ECCV 2016).</summary>
    public static RetrievalProtocol VeRi { get; } = new() { Name = "VeRi", Cameras = CameraFilter.SameIdentity };

    /// <summary>CUHK03's first protocol: the same camera rule, and CMC over one gallery image per identity, as its exact
    /// expectation.</summary>
    public static RetrievalProtocol Cuhk03 { get; } =
        new() { Name = "CUHK03 single-gallery-shot", Cameras = CameraFilter.SameIdentity, Shots = GalleryShots.SingleExpected };

    /// <summary>CUB-200, Cars-196, SOP: queries and gallery are one set, each query's own row is removed by index, cameras are not
    /// compared.</summary>
    public static RetrievalProtocol SelfRetrieval { get; } = new() { Name = "self-retrieval", RemovesSelf = true };

    /// <summary>No filter: every gallery image counts. It is used for In-Shop and for product search.</summary>
    public static RetrievalProtocol NoFilter { get; } = new() { Name = "no filter" };

    /// <summary>The name and the rules in words: <c>Market-1501 (same identity and camera removed; junk identity -1 removed)</c>.</summary>
    public override string ToString() => $"{Name} ({Rules})";

    /// <summary>The protocol for queries and a gallery: the given one, otherwise the default.</summary>
    /// <exception cref="ArgumentException">None is given, and only one side has cameras.</exception>
    internal static RetrievalProtocol For(RetrievalProtocol? given, bool queryHasCameras, bool galleryHasCameras)
    {
        if (given is not null) return given;
        if (queryHasCameras != galleryHasCameras)
            throw new ArgumentException($"The {(queryHasCameras ? "query" : "gallery")} has cameras, but the "
                + $"{(queryHasCameras ? "gallery" : "query")} has none, so there is no default protocol; give cameras to both or to "
                + "neither, or set Protocol.");
        return queryHasCameras ? Market1501 : NoFilter;
    }

    /// <summary>The protocol for one set whose rows are queries and gallery: the given one, or the default if none is given. Self is always
    /// removed.</summary>
    internal static RetrievalProtocol ForOneSet(RetrievalProtocol? given, bool hasCameras) =>
        (given ?? (hasCameras ? Market1501 : SelfRetrieval)) with { RemovesSelf = true };

    private string Rules
    {
        get
        {
            var rules = new List<string>();
            if (Cameras == CameraFilter.SameIdentity) rules.Add("same identity and camera removed");
            if (Cameras == CameraFilter.All) rules.Add("same camera removed");
            if (RemovesSelf) rules.Add("self removed by index");
            if (JunkIdentity is { } junk) rules.Add($"junk identity {junk} removed");
            if (Keep is not null) rules.Add("own filter");
            if (Shots == GalleryShots.SingleExpected) rules.Add("CMC over one gallery image per identity, expected");
            if (Shots == GalleryShots.SingleSampled)
                rules.Add($"CMC over one gallery image per identity, {Repeats} draws of seed {Seed}");
            return rules.Count == 0 ? "nothing removed" : string.Join("; ", rules);
        }
    }
}
