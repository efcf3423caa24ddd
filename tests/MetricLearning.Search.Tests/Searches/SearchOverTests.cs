using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests searches over our own stores, whose answers are exact, and over another vendor's store, whose candidates are
/// incomplete.</summary>
public sealed class SearchOverTests : IAsyncLifetime
{
    private readonly MemoryVectorStore store = new() { Threads = 2 };
    private VectorStoreCollection<int, Thing> things = null!;
    private RoughCollection rough = null!;

    public async ValueTask InitializeAsync()
    {
        things = store.GetCollection<int, Thing>("things");
        await things.EnsureCollectionExistsAsync();
        await things.UpsertAsync(Thing.All);
        rough = new RoughCollection(things);
    }

    public ValueTask DisposeAsync()
    {
        store.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task AmongTheCandidates_TheOrderIsExact()
    {
        var search = Over(rough);
        foreach (var query in Thing.Queries)
            Same(Plain(query, Thing.All.Where(thing => RoughCollection.Finds(thing.Id)), 12), await search.SearchAsync(query, 12));
        Assert.All(rough.Asked, top => Assert.Equal(120, top));
    }

    /// <summary>F# and Visual Basic have no <c>with</c>, so they set the properties of a new search.</summary>
    [Fact]
    public async Task TheConstructor_MakesTheSearchOfOver()
    {
        var search = new ExactSearch<int, Thing>([rough], thing => thing.Id, thing => thing.Vector) { Labels = thing => thing.Labels };
        foreach (var query in Thing.Queries)
        {
            var hits = await search.SearchAsync(query, 12);
            Same((await Over(rough).SearchAsync(query, 12)).Select(hit => (hit.Key, hit.Score)), hits);
            Assert.All(hits, hit => Assert.Equal(Thing.All[hit.Key].Labels, hit.Labels));
        }
        Assert.Throws<ArgumentException>("collections",
            () => new ExactSearch<int, Thing>([], thing => thing.Id, thing => thing.Vector));
        Assert.Throws<ArgumentNullException>("key", () => new ExactSearch<int, Thing>([rough], null!, thing => thing.Vector));
    }

    /// <summary>A store may return a record twice. It is one hit, and it does not count twice in the recall.</summary>
    [Fact]
    public async Task ARecordThatComesTwice_IsOneHit()
    {
        var search = Over(new RoughCollection(things) { Repeats = true });
        var found = Thing.All.Where(thing => RoughCollection.Finds(thing.Id)).ToArray();
        foreach (var query in Thing.Queries) Same(Plain(query, found, 12), await search.SearchAsync(query, 12));
        ReadOnlyMemory<float>[] queries = [.. Thing.Queries.Select(query => (ReadOnlyMemory<float>)query)];
        Assert.Equal((await Over(rough).MeasureRecallAsync(queries, k: 12)).Recall,
            (await search.MeasureRecallAsync(queries, k: 12)).Recall);
    }

    [Fact]
    public async Task OverOurOwnStore_AnswersAreExact()
    {
        var found = await Over(things).SearchAsync([.. Thing.Queries.Select(query => new SearchQuery(query))], 9,
            new() { Filter = thing => thing.Camera == 1 });
        for (var i = 0; i < Thing.Queries.Length; i++)
            Same(Plain(Thing.Queries[i], Thing.All.Where(thing => thing.Camera == 1), 9), found[i]);
    }

    [Theory, InlineData(SearchMetric.Cosine), InlineData(SearchMetric.Dot), InlineData(SearchMetric.Euclidean)]
    public async Task EveryMetric_HasItsScores(SearchMetric metric)
    {
        var search = Over(rough) with { Metric = metric };
        var left = Thing.All.Where(thing => RoughCollection.Finds(thing.Id)).Select(thing => (thing.Id, thing.Vector.ToArray()));
        var found = await search.SearchAsync(Thing.Queries[0], 400);
        Assert.Equal(PlainSearch.Nearest(metric, Thing.Queries[0], left, 400), found.Select(hit => (hit.Key, hit.Score)));
    }

    /// <summary>Our own collections say their metric. Searches take it, and refuse another.</summary>
    [Theory, InlineData(null, SearchMetric.Cosine), InlineData(DistanceFunction.DotProductSimilarity, SearchMetric.Dot),
        InlineData(DistanceFunction.EuclideanDistance, SearchMetric.Euclidean),
        InlineData(DistanceFunction.EuclideanSquaredDistance, SearchMetric.Euclidean)]
    public async Task TheMetric_IsThatOfTheCollection(string? distance, SearchMetric metric)
    {
        var collection = store.GetCollection<int, Thing>("by " + distance, ByDistance(distance));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(Thing.All);
        var search = Over(collection);
        Assert.Equal(metric, search.Metric);
        Assert.Equal(PlainSearch.Nearest(metric, Thing.Queries[0], Thing.All.Select(thing => (thing.Id, thing.Vector.ToArray())), 9),
            (await search.SearchAsync(Thing.Queries[0], 9)).Select(hit => (hit.Key, hit.Score)));
        var other = search with { Metric = metric == SearchMetric.Dot ? SearchMetric.Cosine : SearchMetric.Dot };
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => other.SearchAsync(Thing.Queries[0], 9));
        Assert.Contains($"compares by {metric}", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => other.MeasureRecallAsync([Thing.Queries[0]], 1));
        if (metric != SearchMetric.Cosine) Assert.Throws<ArgumentException>(
            () => ExactSearch.Over([collection, things], thing => thing.Id, thing => thing.Vector));
    }

    /// <summary>A protocol removes so many candidates that the search must ask for more.</summary>
    [Fact]
    public async Task AProtocol_IsAppliedAndMoreCandidatesAreAskedFor()
    {
        SearchQuery[] queries = [.. Thing.Queries.Select((vector, i) => new SearchQuery(vector) { Identity = i % 13 - 1, Camera = i % 4 })];
        var protocol = new RetrievalProtocol { Name = "all", Cameras = CameraFilter.All };
        var search = Over(things) with { OverFetch = 1 };
        var found = await search.SearchAsync(queries, 25, new() { Protocol = protocol });
        for (var i = 0; i < queries.Length; i++)
        {
            var left = Thing.All.Where(thing => thing.Camera is null || thing.Camera != queries[i].Camera);
            Same(Plain(Thing.Queries[i], left, 25), found[i]);
        }
        var rule = await search.SearchAsync([queries[0] with { Identity = -1 }], 5, new() { Protocol = RetrievalProtocol.Market1501 });
        Assert.Empty(rule[0]);
    }

    [Theory, InlineData(1), InlineData(5), InlineData(100)]
    public async Task Identities_ComeOnce(int k)
    {
        foreach (var query in Thing.Queries)
        {
            var expected = Plain(query, Thing.All.Where(thing => thing.Identity is not null), 400)
                .DistinctBy(hit => Thing.All[hit.Key].Identity).Take(k);
            Same(expected, await Over(things).SearchAsync(query, k, new() { DistinctIdentities = true }));
        }
    }

    [Fact]
    public async Task Parts_AreSearchedAsOne()
    {
        var other = store.GetCollection<int, Thing>("others");
        await other.EnsureCollectionExistsAsync();
        await other.UpsertAsync(Thing.All.Where(thing => thing.Id % 3 == 0));
        await things.DeleteAsync(Thing.All.Where(thing => thing.Id % 3 == 0).Select(thing => thing.Id));
        var search = ExactSearch.Over([things, other], thing => thing.Id, thing => thing.Vector);
        Same(Plain(Thing.Queries[0], Thing.All, 20), await search.SearchAsync(Thing.Queries[0], 20));
        Assert.Equal(1, (await search.MeasureRecallAsync([Thing.Queries[0]], 20)).Recall.Estimate);
    }

    [Fact]
    public async Task Reranking_IsThatOfThePaper()
    {
        var reranking = new TopReranking(top: 40, k1: 8, k2: 3, lambda: 0.4);
        foreach (var query in Thing.Queries.Take(5))
        {
            int[] first = [.. Plain(query, Thing.All, 40).Select(hit => hit.Key)];
            float[][] all = [query, .. first.Select(key => Thing.All[key].Vector.ToArray())];
            var squares = all.Select(x => all.Select(y => 2 - 2 * PlainSearch.Score(SearchMetric.Cosine, x, y)).ToArray()).ToArray();
            for (var i = 0; i < all.Length; i++) squares[i][i] = 0;
            var expected = first.Zip(PlainReranking.Distances(squares, 8, 3, 0.4), (key, distance) => (Key: key, Distance: distance))
                .OrderBy(pair => pair.Distance).Take(15).ToArray();
            var found = await Over(things).SearchAsync(query, 15, new() { Reranking = reranking });
            Assert.Equal(expected.Select(pair => pair.Key), found.Select(hit => hit.Key));
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Distance, pair.Second.RerankedDistance!.Value, 10));
            Assert.NotEqual(first.Take(15), found.Select(hit => hit.Key));
        }
        Assert.Equal(60, (await Over(things).SearchAsync(Thing.Queries[0], 60, new() { Reranking = reranking })).Count);
        await Assert.ThrowsAsync<ArgumentException>(() => (Over(things) with { Metric = SearchMetric.Dot })
            .SearchAsync(Thing.Queries[0], 5, new() { Reranking = reranking }));
    }

    [Fact]
    public async Task ADecision_IsMade()
    {
        var pairs = Enumerable.Range(0, 2000).Select(i => new LabelledPair(i / 2000.0, i % 7 == 0 ? i < 1000 : i >= 1000));
        var decision = MatchDecision.Calibrate(pairs, 0.01, 0.01);
        var search = Over(rough) with { Decision = decision };
        var decided = await search.SearchAsync(Thing.Queries[0], 30);
        Assert.Equal(30, decided.Count);
        Assert.All(decided, hit => Assert.Equal(decision.Decide(hit.Score), Assert.NotNull(hit.Verdict)));
        var plain = await Over(rough).SearchAsync(Thing.Queries[0], 3);
        Assert.Equal(3, plain.Count);
        Assert.All(plain, hit => Assert.Null(hit.Verdict));
    }

    /// <summary>A decision for distances would call the farthest rows of a cosine a match.</summary>
    [Fact]
    public async Task ADecision_ForTheOtherDirection_IsRefused()
    {
        var pairs = Enumerable.Range(0, 2000).Select(i => new LabelledPair(i / 2000.0, i >= 1000)).ToArray();
        var (larger, smaller) = (MatchDecision.Calibrate(pairs, 0.01, 0.01),
            MatchDecision.Calibrate(pairs.Select(pair => pair with { Same = !pair.Same }), 0.01, 0.01, largerIsNearer: false));
        foreach (var metric in Enum.GetValues<SearchMetric>())
        {
            var search = Over(rough) with { Metric = metric };
            var (right, wrong) = metric == SearchMetric.Euclidean ? (smaller, larger) : (larger, smaller);
            Assert.Single(await (search with { Decision = right }).SearchAsync(Thing.Queries[0], 1));
            var thrown = await Assert.ThrowsAsync<InvalidOperationException>(
                () => (search with { Decision = wrong }).SearchAsync(Thing.Queries[0], 1));
            Assert.Contains($"but Metric is {metric}", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Recall_IsMeasured()
    {
        ReadOnlyMemory<float>[] queries = [.. Thing.Queries.Select(query => (ReadOnlyMemory<float>)query)];
        var whole = await Over(things).MeasureRecallAsync(queries, 10);
        Assert.Equal((10, 30, 400L, 1.0, 1.0), (whole.K, whole.Queries, whole.Records, whole.Recall.Estimate, whole.Recall.High));
        Assert.InRange(whole.Recall.Low, 0.88, 0.89);       // 0.025^(1 / 30)
        var part = await Over(rough).MeasureRecallAsync(queries, 10);
        var expected = Thing.Queries.Average(query => Plain(query, Thing.All, 10).Count(hit => RoughCollection.Finds(hit.Key)) / 10.0);
        Assert.Equal(expected, part.Recall.Estimate, 12);
        Assert.InRange(part.Recall.Estimate, 0.8, 0.99);
        Assert.True(part.Recall.Low < expected && expected < part.Recall.High);
        var few = await Over(rough).MeasureRecallAsync(queries, 10, sample: 7, seed: 3, filter: thing => thing.Camera == 1);
        Assert.Equal((7, 100L), (few.Queries, few.Records));
        Assert.Equal(30, (await Over(rough).MeasureRecallAsync(queries, 10, sample: 200)).Queries);
        Assert.Contains("recall@10", part.ToString(), StringComparison.Ordinal);
        var given = await Over(rough).MeasureRecallAsync(queries, 10, gallery: Thing.All.Take(50).ToAsyncEnumerable());
        Assert.Equal(50, given.Records);
    }

    [Fact]
    public async Task WrongArguments_AreRefused()
    {
        var search = Over(rough);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => search.SearchAsync(Thing.Queries[0], 0));
        var none = await Assert.ThrowsAsync<ArgumentOutOfRangeException>("k",
            () => search.SearchAsync(Thing.Queries[0], 0, new() { Reranking = new TopReranking() }));
        Assert.Equal(0, none.ActualValue);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => search.SearchAsync(Thing.Queries[0], 10_001));
        await Assert.ThrowsAsync<ArgumentException>(() => search.SearchAsync(new float[8], 1));
        await Assert.ThrowsAsync<ArgumentException>(() => search.SearchAsync(new float[] { float.NaN, 1 }, 1));
        await Assert.ThrowsAsync<ArgumentException>(() => search.MeasureRecallAsync([], 1));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => search.MeasureRecallAsync([Thing.Queries[0]], 1, sample: 0));
        Assert.Throws<ArgumentException>(() => ExactSearch.Over(Array.Empty<VectorStoreCollection<int, Thing>>(), thing => thing.Id,
            thing => thing.Vector));
        var blind = ExactSearch.Over(rough, thing => thing.Id, _ => ReadOnlyMemory<float>.Empty);
        var thrown = await Assert.ThrowsAsync<InvalidDataException>(() => blind.SearchAsync(Thing.Queries[0], 1));
        Assert.Contains("the record ", thrown.Message, StringComparison.Ordinal);
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => search.SearchAsync(Thing.Queries[0], 1, null, stop.Token));
    }

    private static VectorStoreCollectionDefinition ByDistance(string? distance) => new()
    {
        Properties = [new VectorStoreKeyProperty(nameof(Thing.Id), typeof(int)),
            new VectorStoreVectorProperty(nameof(Thing.Vector), typeof(ReadOnlyMemory<float>), Thing.Queries[0].Length)
            {
                DistanceFunction = distance,
            }],
    };

    private static ExactSearch<int, Thing> Over(VectorStoreCollection<int, Thing> collection) =>
        ExactSearch.Over(collection, thing => thing.Id, thing => thing.Vector) with { Labels = thing => thing.Labels };

    private static List<(int Key, double Score)> Plain(float[] query, IEnumerable<Thing> left, int k) =>
        PlainSearch.Nearest(SearchMetric.Cosine, query, left.Select(thing => (thing.Id, thing.Vector.ToArray())), k);

    private static void Same(IEnumerable<(int Key, double Score)> expected, IEnumerable<ExactHit<int, Thing>> found) =>
        Assert.Equal(expected, found.Select(hit => (hit.Key, hit.Score)));
}
