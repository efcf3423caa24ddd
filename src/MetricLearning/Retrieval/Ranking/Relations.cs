namespace MetricLearning;

/// <summary>Which gallery pictures match a query and which the protocol removes.</summary>
internal sealed class Relations
{
    private readonly RetrievalProtocol protocol;
    private readonly IReadOnlyList<long> queryIds, galleryIds;
    private readonly IReadOnlyList<long>? queryCameras, galleryCameras;
    private readonly Dictionary<long, int[]> rowsOf;
    private readonly int[] junk;

    public Relations(RetrievalProtocol protocol, IReadOnlyList<long> queryIds, IReadOnlyList<long>? queryCameras,
        IReadOnlyList<long> galleryIds, IReadOnlyList<long>? galleryCameras)
    {
        (this.protocol, this.queryIds, this.galleryIds) = (protocol, queryIds, galleryIds);
        (this.queryCameras, this.galleryCameras) = (queryCameras, galleryCameras);
        if (protocol.Cameras != CameraFilter.None && (queryCameras is null || galleryCameras is null))
            throw new ArgumentException(
                $"The protocol {protocol.Name} compares cameras and the {(queryCameras is null ? "query" : "gallery")} has none; "
                + "give them, or use a protocol with Cameras = CameraFilter.None.");
        if (protocol.RemovesSelf && queryIds.Count != galleryIds.Count)
            throw new ArgumentException($"The protocol {protocol.Name} removes each query's own row, so query and gallery must be one set; "
                + $"got {queryIds.Count} and {galleryIds.Count} rows.");
        rowsOf = Enumerable.Range(0, galleryIds.Count).GroupBy(row => galleryIds[row]).ToDictionary(g => g.Key, g => g.ToArray());
        MostMatches = queryIds.Distinct().Select(query => rowsOf.TryGetValue(query, out var same) ? same.Length : 0).DefaultIfEmpty().Max();
        junk = protocol.JunkId is { } id && rowsOf.TryGetValue(id, out var rows) ? rows : [];
    }

    public int Queries => queryIds.Count;
    public int Gallery => galleryIds.Count;

    /// <summary>No query has more gallery pictures of its identity than this.</summary>
    public int MostMatches { get; }

    /// <summary>Gallery rows that match, ascending; where there are none, why.</summary>
    public int[] Matches(int query, out SkipReason reason)
    {
        reason = SkipReason.None;
        if (queryIds[query] == protocol.JunkId)
        {
            reason = SkipReason.Junk;
            return [];
        }
        if (!rowsOf.TryGetValue(queryIds[query], out var same))
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

    /// <summary>Lists gallery rows in [start, start + buffer's use) that the query does not look at, and on request its matches
    /// too.</summary>
    /// <returns>How many were written, each once and relative to <paramref name="start"/>.</returns>
    public int Hidden(int query, int start, int count, bool matchesToo, int[] buffer)
    {
        var n = 0;
        if (protocol.Keep is not null || protocol.Cameras == CameraFilter.All)
        {
            for (var row = start; row < start + count; row++)
                if ((matchesToo && galleryIds[row] == queryIds[query]) || IsRemoved(query, row)) buffer[n++] = row - start;
            return n;
        }
        n = Within(junk, _ => true);
        if (queryIds[query] != protocol.JunkId && rowsOf.TryGetValue(queryIds[query], out var same))
            n = Within(same, row => matchesToo || IsRemoved(query, row));
        if (protocol.RemovesSelf && query >= start && query < start + count && galleryIds[query] != queryIds[query]
            && galleryIds[query] != protocol.JunkId)
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

    public bool IsMatch(int query, int row) => galleryIds[row] == queryIds[query];

    public long GalleryId(int row) => galleryIds[row];

    private bool IsRemoved(int query, int row) =>
        IsSelf(query, row) || IsOwnCamera(query, row) || galleryIds[row] == protocol.JunkId || (protocol.Keep is { } keep
            && !keep(new RetrievalItem(query, queryIds[query], queryCameras?[query] ?? -1),
                new RetrievalItem(row, galleryIds[row], galleryCameras?[row] ?? -1)));

    private bool IsSelf(int query, int row) => protocol.RemovesSelf && query == row;

    private bool IsOwnCamera(int query, int row) => protocol.Cameras switch
    {
        CameraFilter.SameIdentity => queryIds[query] == galleryIds[row] && queryCameras![query] == galleryCameras![row],
        CameraFilter.All => queryCameras![query] == galleryCameras![row],
        _ => false,
    };
}
