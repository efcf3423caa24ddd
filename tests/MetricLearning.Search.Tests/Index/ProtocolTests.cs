namespace MetricLearning.Search.Tests;

/// <summary>Search by the rules of re-identification: cameras, junk, identities, several pictures.</summary>
public class ProtocolTests
{
    private const int Width = 8;
    private static readonly float[][] rows = DrawnRows.Of(RowKind.Rectified, 400, Width, seed: 8);
    private static readonly float[][] queries = DrawnRows.Of(RowKind.Rectified, 30, Width, seed: 9);

    private static RowLabels Labels(int key) => key % 10 == 9 ? RowLabels.None
        : new RowLabels { Identity = key % 13 - 1, Camera = key % 4 == 3 ? null : key % 4 };

    private static ExactIndex<int> Index()
    {
        var index = new ExactIndex<int>(Width);
        index.Add(rows.Select((row, key) => new SearchRow<int>(key, row, Labels(key))));
        return index;
    }

    public static TheoryData<RetrievalProtocol> Protocols =>
    [
        RetrievalProtocol.Market1501, RetrievalProtocol.NoFilter, new RetrievalProtocol { Name = "own", Cameras = CameraFilter.All },
        new RetrievalProtocol { Name = "rule", Keep = (query, row) => (query.Index + row.Identity) % 2 == 0 && row.Index == -1 },
    ];

    [Theory, MemberData(nameof(Protocols))]
    public void AProtocol_RemovesWhatItSays(RetrievalProtocol protocol)
    {
        SearchQuery[] asked = [.. queries.Select((vector, i) => new SearchQuery(vector)
        {
            Identity = i % 9 == 8 ? null : i % 13 - 1,
            Camera = i % 7 == 6 ? null : i % 4,
        })];
        var found = Index().Search(asked, 25, protocol);
        for (var i = 0; i < asked.Length; i++)
        {
            var left = rows.Select((row, key) => (key, row)).Where(pair => Stays(protocol, i, asked[i], Labels(pair.key)));
            Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, queries[i], left, 25), found[i].Select(hit => (hit.Key, hit.Score)));
        }
    }

    private static bool Stays(RetrievalProtocol protocol, int number, SearchQuery query, RowLabels row)
    {
        if (protocol.JunkIdentity is { } junk && (junk == query.Identity || junk == row.Identity)) return false;
        var camera = query.Camera is { } own && row.Camera == own;
        if (protocol.Cameras == CameraFilter.All && camera) return false;
        var same = query.Identity is { } identity && row.Identity == identity;
        if (protocol.Cameras == CameraFilter.SameIdentity && camera && same) return false;
        return protocol.Keep is null || (number + (row.Identity ?? long.MinValue)) % 2 == 0;
    }

    [Fact]
    public void SelfByNumber_IsRefused() => Assert.Contains("filter on the key", Assert.Throws<ArgumentException>(() =>
        Index().Search([new SearchQuery(queries[0])], 1, RetrievalProtocol.SelfRetrieval)).Message, StringComparison.Ordinal);

    [Theory, InlineData(1), InlineData(5), InlineData(13), InlineData(100)]
    public void Identities_ComeWithTheirNearestRow(int k)
    {
        foreach (var query in queries)
        {
            var known = rows.Select((row, key) => (key, row)).Where(pair => Labels(pair.key).Identity is not null);
            var expected = PlainSearch.Nearest(SearchMetric.Cosine, query, known, rows.Length)
                .DistinctBy(hit => Labels(hit.Key).Identity).Take(k);
            Assert.Equal(expected, Index().SearchIdentities(query, k).Select(hit => (hit.Key, hit.Score)));
        }
    }

    [Fact]
    public void SeveralPictures_BecomeOneQuery()
    {
        ReadOnlyMemory<float>[] pictures = [new float[] { 1, 5 }, new float[] { 3, -1 }];
        Assert.Equal([2f, 2f], SearchQuery.Of(pictures).Vector.ToArray());
        Assert.Equal([3f, 5f], SearchQuery.Of(pictures, MultiQueryPooling.Max).Vector.ToArray());
        Assert.Throws<ArgumentException>(() => SearchQuery.Of([]));
        Assert.Throws<ArgumentException>(() => SearchQuery.Of([new float[2], new float[3]]));
        Assert.Throws<ArgumentException>(() => SearchQuery.Of([new float[2], new float[0]]));
    }
}
