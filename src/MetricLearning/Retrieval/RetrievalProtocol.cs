namespace MetricLearning;

/// <summary>The rules of an evaluation: which gallery pictures a query does not look at, and how CMC shows the others.</summary>
/// <remarks>
/// A match is a gallery picture of the query's identity that the rules leave. Distractors (identity 0 in Market-1501) need no rule: no
/// query has their identity, so they stay in the list and never match. Vary a protocol by <c>with</c>:
/// <c>RetrievalProtocol.Market1501 with { Name = "MSMT17" }</c>.
/// </remarks>
public sealed record RetrievalProtocol
{
    /// <summary>The name that stands beside each figure.</summary>
    public required string Name { get; init; }

    /// <summary>What the query's own camera takes out of its list. Default: nothing.</summary>
    public CameraFilter Cameras { get; init; }

    /// <summary>The identity of junk pictures: those in the gallery are taken out for all queries, queries of it are skipped. Default:
    /// none.</summary>
    public long? JunkIdentity { get; init; }

    /// <summary>Queries and gallery are one set, and each query's own row (by index, not by distance) is taken out. Default: no.</summary>
    public bool RemovesSelf { get; init; }

    /// <summary>How many pictures of an identity CMC shows. Average precision is always over the whole list. Default: all.</summary>
    public GalleryShots Shots { get; init; }

    /// <summary>The number of draws of <see cref="GalleryShots.SingleSampled"/>. Default: 10.</summary>
    public int Repeats { get; init; } = 10;

    /// <summary>The seed of <see cref="GalleryShots.SingleSampled"/>. Default: 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>A further rule: query and gallery picture → whether the query looks at it. Called from several threads, for each pair
    /// at least once; it must give the same answer each time. Default: none.</summary>
    public Func<RetrievalItem, RetrievalItem, bool>? Keep { get; init; }

    /// <summary>Market-1501, DukeMTMC-reID and MSMT17: pictures of the query's identity from the query's camera are taken out, and those
    /// of the junk identity −1 (Zheng et al., ICCV 2015).</summary>
    public static RetrievalProtocol Market1501 { get; } = new() { Name = "Market-1501", Cameras = CameraFilter.SameIdentity,
        JunkIdentity = -1 };

    /// <summary>VeRi-776: vehicles of the query's identity from the query's camera are taken out (Liu et al., ECCV 2016).</summary>
    public static RetrievalProtocol VeRi { get; } = new() { Name = "VeRi", Cameras = CameraFilter.SameIdentity };

    /// <summary>CUHK03's first protocol: the same camera rule, and CMC over one gallery picture an identity, as its exact
    /// expectation.</summary>
    public static RetrievalProtocol Cuhk03 { get; } =
        new() { Name = "CUHK03 single-gallery-shot", Cameras = CameraFilter.SameIdentity, Shots = GalleryShots.SingleExpected };

    /// <summary>CUB-200, Cars-196, SOP: queries and gallery are one set, self taken out by index, no cameras.</summary>
    public static RetrievalProtocol SelfRetrieval { get; } = new() { Name = "self-retrieval", RemovesSelf = true };

    /// <summary>Every gallery picture counts: In-Shop, product search.</summary>
    public static RetrievalProtocol NoFilter { get; } = new() { Name = "no filter" };

    /// <summary>The name and the rules in words: <c>Market-1501 (same identity and camera removed; junk id -1 removed)</c>.</summary>
    public override string ToString() => $"{Name} ({Rules})";

    private string Rules
    {
        get
        {
            var rules = new List<string>();
            if (Cameras == CameraFilter.SameIdentity) rules.Add("same identity and camera removed");
            if (Cameras == CameraFilter.All) rules.Add("same camera removed");
            if (RemovesSelf) rules.Add("self removed by index");
            if (JunkIdentity is { } junk) rules.Add($"junk id {junk} removed");
            if (Keep is not null) rules.Add("own filter");
            if (Shots == GalleryShots.SingleExpected) rules.Add("CMC over one gallery picture an identity, expected");
            if (Shots == GalleryShots.SingleSampled) rules.Add($"CMC over one gallery picture an identity, {Repeats} draws of seed {Seed}");
            return rules.Count == 0 ? "nothing removed" : string.Join("; ", rules);
        }
    }
}
