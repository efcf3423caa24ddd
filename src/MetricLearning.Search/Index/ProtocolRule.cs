namespace MetricLearning.Search;

/// <summary>Decides which rows each query may find under a protocol.</summary>
internal sealed class ProtocolRule
{
    private readonly RetrievalProtocol protocol;
    private readonly SearchQuery[] queries;

    /// <param name="protocol">The protocol.</param>
    /// <param name="queries">The queries.</param>
    /// <exception cref="ArgumentException">The protocol removes each query's own row.</exception>
    public ProtocolRule(RetrievalProtocol protocol, SearchQuery[] queries)
    {
        if (protocol.RemovesSelf)
            throw new ArgumentException($"protocol must not remove a query's own row by number, because rows have keys, got {protocol}; "
                + "use a filter on the key.", nameof(protocol));
        (this.protocol, this.queries) = (protocol, queries);
    }

    /// <summary>Whether a query may find a row with these labels.</summary>
    public bool Keeps(int number, RowLabels row)
    {
        var query = queries[number];
        if (protocol.JunkIdentity is { } junk && (row.Identity == junk || query.Identity == junk)) return false;
        var sameCamera = query.Camera is not null && query.Camera == row.Camera;
        var sameIdentity = query.Identity is not null && query.Identity == row.Identity;
        if (sameCamera && (protocol.Cameras == CameraFilter.All || protocol.Cameras == CameraFilter.SameIdentity && sameIdentity))
            return false;
        return protocol.Keep is not { } keep || keep(new RetrievalItem(number, query.Identity ?? long.MinValue, query.Camera ?? -1),
            new RetrievalItem(-1, row.Identity ?? long.MinValue, row.Camera ?? -1));
    }
}
