namespace MetricLearning;

/// <summary>Which gallery images match a query, and which the protocol removes from its list.</summary>
internal sealed class Relations
{
    private readonly long[] queryIdentities, galleryIdentities;
    private readonly long[]? queryCameras, galleryCameras;
    private readonly Dictionary<long, int[]> rowsOf;
    private readonly int[] junk;

    /// <exception cref="ArgumentException">The protocol compares cameras that a set does not have, or removes self from two sets of
    /// different sizes.</exception>
    public Relations(RetrievalProtocol protocol, IReadOnlyList<long> queryIdentities, IReadOnlyList<long>? queryCameras,
        IReadOnlyList<long> galleryIdentities, IReadOnlyList<long>? galleryCameras)
    {
        (Protocol, this.queryIdentities, this.galleryIdentities) = (protocol, [.. queryIdentities], [.. galleryIdentities]);
        (this.queryCameras, this.galleryCameras) = (queryCameras?.ToArray(), galleryCameras?.ToArray());
        if (protocol.Cameras != CameraFilter.None && (queryCameras is null || galleryCameras is null))
            throw new ArgumentException(
                $"The protocol {protocol.Name} compares cameras, but {Without()} none; give them, or use a protocol with "
                + "Cameras = CameraFilter.None.");
        if (protocol.RemovesSelf && queryIdentities.Count != galleryIdentities.Count)
            throw new ArgumentException($"The protocol {protocol.Name} removes each query's own row, so query and gallery must be one set; "
                + $"got {queryIdentities.Count} and {galleryIdentities.Count} rows.");
        rowsOf = Enumerable.Range(0, galleryIdentities.Count).GroupBy(row => galleryIdentities[row])
            .ToDictionary(g => g.Key, g => g.ToArray());
        var matches = queryIdentities.Select(query => rowsOf.TryGetValue(query, out var same) ? same.Length : 0).DefaultIfEmpty().ToArray();
        (MostMatches, MeanMatches) = (matches.Max(), matches.Average());
        junk = protocol.JunkIdentity is { } identity && rowsOf.TryGetValue(identity, out var rows) ? rows : [];

        // If neither side has cameras, the two may be one set.
        string Without() => queryCameras is not null ? "the gallery has" : galleryCameras is not null ? "the query has" : "there are";
    }

    /// <summary>Makes the relations under the given protocol, or under the default one if it is null.</summary>
    /// <exception cref="ArgumentException">As for the constructor; or no protocol is set, and only one side has cameras.</exception>
    public static Relations Of(RetrievalProtocol? protocol, IReadOnlyList<long> queryIdentities, IReadOnlyList<long>? queryCameras,
        IReadOnlyList<long> galleryIdentities, IReadOnlyList<long>? galleryCameras) =>
        new(RetrievalProtocol.For(protocol, queryCameras is not null, galleryCameras is not null), queryIdentities, queryCameras,
            galleryIdentities, galleryCameras);

    /// <summary>The protocol in force.</summary>
    public RetrievalProtocol Protocol { get; }

    public int Queries => queryIdentities.Length;
    public int Gallery => galleryIdentities.Length;

    /// <summary>The largest number of gallery images of a query's identity.</summary>
    public int MostMatches { get; }

    /// <summary>The mean number of gallery images of a query's identity.</summary>
    public double MeanMatches { get; }

    /// <summary>The gallery rows that match a query, ascending; if there are none, the reason.</summary>
    public int[] Matches(int query, out SkipReason reason)
    {
        reason = SkipReason.None;
        if (IsJunk(query))
        {
            reason = SkipReason.Junk;
            return [];
        }
        if (!rowsOf.TryGetValue(queryIdentities[query], out var same))
        {
            reason = SkipReason.IdentityNotInGallery;
            return [];
        }
        var matches = Array.FindAll(same, row => !IsRemoved(query, row));
        if (matches.Length == 0)
            reason = same.All(row => IsSelf(query, row)) ? SkipReason.OnlyItself
                : same.All(row => IsSelf(query, row) || IsOwnCamera(query, row)) ? SkipReason.OnlyInOwnCamera
                : SkipReason.RemovedByFilter;
        return matches;
    }

    /// <summary>Lists the gallery rows in [start, start + count) that are removed from the query's list, and optionally its
    /// matches.</summary>
    /// <param name="query">The query.</param>
    /// <param name="start">The first row, not before <see cref="FirstRow"/>.</param>
    /// <param name="count">The number of rows to check.</param>
    /// <param name="matchesToo">Whether matches are listed too.</param>
    /// <param name="buffer">Receives the rows.</param>
    /// <returns>How many rows were written to <paramref name="buffer"/>, each once and relative to <paramref name="start"/>.</returns>
    public int Hidden(int query, int start, int count, bool matchesToo, int[] buffer)
    {
        var n = 0;
        if (Protocol.Keep is not null || Protocol.Cameras == CameraFilter.All)
        {
            for (var row = start; row < start + count; row++)
                if ((matchesToo && galleryIdentities[row] == queryIdentities[query]) || IsRemoved(query, row)) buffer[n++] = row - start;
            return n;
        }
        n = Within(junk, _ => true);
        if (!IsJunk(query) && rowsOf.TryGetValue(queryIdentities[query], out var same))
            n = Within(same, row => matchesToo || IsRemoved(query, row));
        if (Protocol.RemovesSelf && query >= start && query < start + count && galleryIdentities[query] != queryIdentities[query]
            && galleryIdentities[query] != Protocol.JunkIdentity)
            buffer[n++] = query - start;
        return n;

        int Within(int[] rows, Func<int, bool> hides)
        {
            var i = Array.BinarySearch(rows, start);
            for (i = i < 0 ? ~i : i; i < rows.Length && rows[i] < start + count; i++)
                if (hides(rows[i])) buffer[n++] = rows[i] - start;
            return n;
        }
    }

    /// <summary>The first gallery row that may be in a query's list.</summary>
    public int FirstRow(int query) => Protocol.KeepsLaterRowsOnly ? query + 1 : 0;

    /// <summary>Whether a query is junk: it makes no pairs.</summary>
    public bool IsJunk(int query) => queryIdentities[query] == Protocol.JunkIdentity;

    /// <summary>Whether a gallery row has the query's identity.</summary>
    public bool IsMatch(int query, int row) => galleryIdentities[row] == queryIdentities[query];

    /// <summary>Whether a gallery row stays in a query's list and is not a match.</summary>
    public bool IsOther(int query, int row) => !IsJunk(query) && !IsMatch(query, row) && !IsRemoved(query, row);

    public long GalleryIdentity(int row) => galleryIdentities[row];

    private bool IsRemoved(int query, int row) =>
        row < FirstRow(query) || IsSelf(query, row) || IsOwnCamera(query, row) || galleryIdentities[row] == Protocol.JunkIdentity
            || (Protocol.Keep is { } keep && !keep(new RetrievalItem(query, queryIdentities[query], queryCameras?[query] ?? -1),
                new RetrievalItem(row, galleryIdentities[row], galleryCameras?[row] ?? -1)));

    private bool IsSelf(int query, int row) => Protocol.RemovesSelf && query == row;

    private bool IsOwnCamera(int query, int row) => Protocol.Cameras switch
    {
        CameraFilter.SameIdentity => queryIdentities[query] == galleryIdentities[row] && queryCameras![query] == galleryCameras![row],
        CameraFilter.All => queryCameras![query] == galleryCameras![row],
        _ => false,
    };
}
