using System.Linq.Expressions;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests that hold for every vector store of the library. Each store runs all of them.</summary>
public abstract class StoreConformance : IDisposable
{
    private static readonly float[] query = [3, 1, -1, 0.5f];

    protected abstract VectorStore Store { get; }

    public static TheoryData<int> FilterNumbers => [.. Enumerable.Range(0, Filters.All.Count)];

    public static TheoryData<int> RefusedNumbers => [.. Enumerable.Range(0, Filters.Refused.Count)];

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) => Store.Dispose();

    // Collections

    [Fact]
    public async Task Collections_AreCreatedListedAndDeleted()
    {
        var first = Store.GetCollection<int, Item>("first");
        Assert.False(await first.CollectionExistsAsync());
        await first.EnsureCollectionExistsAsync();
        await first.EnsureCollectionExistsAsync();
        await Store.GetCollection<int, Item>("another").EnsureCollectionExistsAsync();
        Assert.True(await first.CollectionExistsAsync());
        Assert.True(await Store.CollectionExistsAsync("another"));
        Assert.Equal(["another", "first"], (await Store.ListCollectionNamesAsync().ToListAsync()).Order());
        await first.EnsureCollectionDeletedAsync();
        await Store.EnsureCollectionDeletedAsync("another");
        await Store.EnsureCollectionDeletedAsync("never there");
        Assert.Empty(await Store.ListCollectionNamesAsync().ToListAsync());
    }

    [Fact]
    public async Task ACollectionThatDoesNotExist_IsReportedAsMissing()
    {
        var missing = Store.GetCollection<int, Item>("missing");
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => missing.UpsertAsync(Item.All[0]));
        Assert.Contains("'missing' does not exist", thrown.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<VectorStoreException>(() => missing.GetAsync(1));
        await Assert.ThrowsAsync<VectorStoreException>(() => missing.DeleteAsync(1));
        await Assert.ThrowsAsync<VectorStoreException>(async () => await missing.SearchAsync(query, 1, ByVector()).ToListAsync());
        await Assert.ThrowsAsync<VectorStoreException>(async () => await missing.GetAsync(r => r.Id == 1, 1).ToListAsync());
    }

    [Fact]
    public async Task ADeletedCollection_IsEmptyWhenItIsCreatedAgain()
    {
        var items = await FilledAsync();
        await items.EnsureCollectionDeletedAsync();
        await items.EnsureCollectionExistsAsync();
        Assert.Null(await items.GetAsync(1));
        Assert.Empty(await items.SearchAsync(query, 5, ByVector()).ToListAsync());
    }

    // Records

    [Fact]
    public async Task Records_ComeBackAsTheyWere()
    {
        var items = await FilledAsync();
        foreach (var item in Item.All)
        {
            Same(item, await items.GetAsync(item.Id), withVectors: false);
            Same(item, await items.GetAsync(item.Id, new() { IncludeVectors = true }), withVectors: true);
        }
        Assert.Null(await items.GetAsync(1000));
        var several = await items.GetAsync([3, 1000, 5]).ToListAsync();
        Assert.Equal([3, 5], several.Select(item => item.Id));
        Assert.Equal([3, 1], (await items.GetAsync([3, 3, 99, 1]).ToListAsync()).Select(item => item.Id));
    }

    [Fact]
    public async Task LaterChangesOfARecord_DoNotReachTheStore()
    {
        var items = await FilledAsync();
        var item = Item.All[2];
        await items.UpsertAsync(item);
        item.Name = "changed";
        item.Tags![0] = "changed";
        item.Colors.Add("changed");
        item.Place![0] = 1000;
        Same(Item.All[2], await items.GetAsync(2, new() { IncludeVectors = true }), withVectors: true);
        (await items.GetAsync(2))!.Colors.Add("changed");
        Same(Item.All[2], await items.GetAsync(2), withVectors: false);
    }

    [Fact]
    public async Task Upsert_ReplacesARecordWholly()
    {
        var items = await FilledAsync();
        await items.UpsertAsync(new Item { Id = 2, Name = "new", Vector = query });
        var found = (await items.GetAsync(2, new() { IncludeVectors = true }))!;
        Assert.Equal("new", found.Name);
        Assert.Null(found.Tags);
        Assert.Null(found.Place);
        Assert.Equal(2, (await items.SearchAsync(query, 1, ByVector()).ToListAsync())[0].Record.Id);
        var byPlace = await items.SearchAsync(new float[] { 2, -2 }, 20, new() { VectorProperty = r => r.Place }).ToListAsync();
        Assert.DoesNotContain(byPlace, hit => hit.Record.Id == 2);
        await items.UpsertAsync([new Item { Id = 50, Name = "a", Vector = query }, new Item { Id = 50, Name = "b", Vector = query }]);
        Assert.Equal("b", (await items.GetAsync(50))!.Name);
    }

    [Fact]
    public async Task Delete_RemovesRecords_AndIgnoresMissingOnes()
    {
        var items = await FilledAsync();
        await items.DeleteAsync(3);
        await items.DeleteAsync(3);
        await items.DeleteAsync([4, 1000, 5]);
        Assert.Null(await items.GetAsync(4));
        Assert.Equal(17, (await items.GetAsync(_ => true, 100).ToListAsync()).Count);
        Assert.Equal(17, (await items.SearchAsync(query, 100, ByVector()).ToListAsync()).Count);
    }

    [Fact]
    public async Task ABadVectorInABatch_LeavesEverythingAsItWas()
    {
        var items = await FilledAsync();
        foreach (var bad in new[] { new float[3], [1, 2, float.NaN, 4], new float[4] })
            await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync([new Item { Id = 100, Vector = query },
                new Item { Id = 1, Vector = bad }]));
        await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync(new Item { Id = 1, Vector = query, Place = [1] }));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => items.UpsertAsync([null!]));
        Assert.Null(await items.GetAsync(100));
        Same(Item.All[1], await items.GetAsync(1, new() { IncludeVectors = true }), withVectors: true);
        await items.UpsertAsync(Array.Empty<Item>());
    }

    /// <summary>UTF-8 has no half of a surrogate pair. A store that replaced it by U+FFFD would take two keys for one.</summary>
    [Fact]
    public async Task HalfOfASurrogatePair_IsRefusedByName()
    {
        const string half = "a\ud800b", replaced = "a\uFFFDb";
        Assert.Contains(@"'a\ud800b' is cut in the middle of a character",
            Assert.ThrowsAny<ArgumentException>(() => Store.GetCollection<int, Item>(half)).Message, StringComparison.Ordinal);
        var keyed = Store.GetCollection<string, Keyed<string>>("texts");
        await keyed.EnsureCollectionExistsAsync();
        await keyed.UpsertAsync(new Keyed<string> { Key = replaced, Vector = [1, 2] });
        var thrown = await Assert.ThrowsAsync<ArgumentException>(() => keyed.UpsertAsync(
            [new Keyed<string> { Key = "fine", Vector = [1, 2] }, new Keyed<string> { Key = half, Vector = [1, 2] }]));
        Assert.Contains("Key", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("a\\ud800b", thrown.Message, StringComparison.Ordinal);
        Assert.Null(await keyed.GetAsync("fine"));
        Assert.Null(await keyed.GetAsync(half));
        Assert.Empty(await keyed.GetAsync([half]).ToListAsync());
        await keyed.DeleteAsync(half);
        Assert.NotNull(await keyed.GetAsync(replaced));

        var items = await FilledAsync();
        foreach (var bad in new Item[] { new() { Id = 1, Name = half }, new() { Id = 1, Tags = ["x", half] } })
        {
            bad.Vector = query;
            thrown = await Assert.ThrowsAsync<ArgumentException>(() => items.UpsertAsync(bad));
            Assert.Contains("the record 1", thrown.Message, StringComparison.Ordinal);
        }
        Same(Item.All[1], await items.GetAsync(1), withVectors: false);
        Assert.Empty(await items.GetAsync(item => item.Name == half, 10).ToListAsync());
    }

    [Fact]
    public async Task ADisposedStore_AndItsCollections_Throw()
    {
        var items = await FilledAsync();
        Store.Dispose();
        Store.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => items.UpsertAsync(Item.All[0]));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => items.GetAsync(1));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => items.DeleteAsync(1));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => items.EnsureCollectionExistsAsync());
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await items.SearchAsync(query, 1, ByVector()).ToListAsync());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => Store.CollectionExistsAsync("items"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await Store.ListCollectionNamesAsync().ToListAsync());
        Assert.Throws<ObjectDisposedException>(() => Store.GetCollection<int, Item>("items"));
    }

    /// <summary>The keys of dictionaries are objects. A key of another type was sometimes found, sometimes not, and sometimes an error of
    /// the server.</summary>
    [Fact]
    public async Task AKeyOfAnotherType_IsRefused()
    {
        var collection = Store.GetDynamicCollection("keys", Definition());
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "5" });
        foreach (var key in new object[] { 5, 5L, 5.0, Guid.Empty, '5' })
        {
            var error = await Assert.ThrowsAsync<ArgumentException>("key", () => collection.GetAsync(key));
            Assert.Contains($"must be String, the type of 'Key', got {key.GetType().Name}", error.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<ArgumentException>("keys", async () => await collection.GetAsync(["5", key]).ToListAsync());
            await Assert.ThrowsAsync<ArgumentException>("keys", () => collection.DeleteAsync(key));
            await Assert.ThrowsAsync<ArgumentException>("keys", () => collection.DeleteAsync(["5", key]));
        }
        Assert.NotNull(await collection.GetAsync("5"));
    }

    [Fact]
    public void TooManyDimensions_AreRefused()
    {
        var error = Assert.Throws<ArgumentException>("Vector", () => Store.GetDynamicCollection("wide", new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty("Id", typeof(int)), new VectorStoreVectorProperty("Vector", typeof(float[]), 65_537)],
        }));
        Assert.StartsWith("The vector 'Vector' must have 1 to 65,536 dimensions, got 65537.", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A canceled call throws, also if it would have nothing to do.</summary>
    [Fact]
    public async Task ACanceledCall_DoesNothing()
    {
        var (items, canceled) = (await FilledAsync(), new CancellationToken(canceled: true));
        var alias = new CollectionAlias(Store, "current");
        Func<Task>[] calls =
        [
            () => items.EnsureCollectionExistsAsync(canceled), () => items.EnsureCollectionDeletedAsync(canceled),
            () => items.CollectionExistsAsync(canceled), () => items.GetAsync(1, null, canceled),
            () => items.UpsertAsync(Item.All[0], canceled), () => items.DeleteAsync(1, canceled),
            () => Store.CollectionExistsAsync("items", canceled), () => Store.EnsureCollectionDeletedAsync("items", canceled),
            async () => await Store.ListCollectionNamesAsync(canceled).ToListAsync(),
            async () => await items.GetAsync(_ => true, 1, null, canceled).ToListAsync(),
            async () => await items.GetAsync([1], null, canceled).ToListAsync(),
            async () => await items.SearchAsync(query, 1, ByVector(), canceled).ToListAsync(),
            () => items.UpsertAsync([], canceled), () => items.DeleteAsync([], canceled),
            async () => await items.GetAsync([], null, canceled).ToListAsync(),
            async () => await items.GetAsync(_ => false, 1, null, canceled).ToListAsync(),
            () => ((IVectorBatchSearch<Item>)items).SearchBatchAsync([], 1, ByVector(), canceled),
            () => alias.CurrentAsync(canceled), () => alias.SwitchAsync(items.Name, canceled),
        ];
        for (var i = 0; i < calls.Length; i++)
            Assert.True(await Record.ExceptionAsync(calls[i]) is OperationCanceledException, $"call {i}");
        Assert.Equal(20, (await items.GetAsync(_ => true, 100).ToListAsync()).Count);
    }

    // Search

    [Fact]
    public async Task Search_GivesTheNearestWithTheirScores()
    {
        var items = await FilledAsync();
        var rows = Item.All.Select(item => (item.Id, item.Vector.ToArray()));
        var found = await items.SearchAsync(query, 7, ByVector()).ToListAsync();
        Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, query, rows, 7), found.Select(hit => (hit.Record.Id, hit.Score!.Value)));
        Same(Item.All[found[0].Record.Id], found[0].Record, withVectors: false);
        Assert.Equal(found.Select(hit => hit.Record.Id),
            (await items.SearchAsync((ReadOnlyMemory<float>)query, 7, ByVector()).ToListAsync()).Select(hit => hit.Record.Id));
        Assert.Equal(found.Select(hit => hit.Record.Id),
            (await items.SearchAsync(new Embedding<float>(query), 7, ByVector()).ToListAsync()).Select(hit => hit.Record.Id));
    }

    [Fact]
    public async Task Search_UsesTheVectorThatIsNamed()
    {
        var items = await FilledAsync();
        var found = await items.SearchAsync(new float[] { 3, -3 }, 3, new() { VectorProperty = r => r.Place }).ToListAsync();
        Assert.Equal([(3, 0.0), (2, Math.Sqrt(2)), (4, Math.Sqrt(2))], found.Select(hit => (hit.Record.Id, hit.Score!.Value)));
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
            await Store.GetCollection<int, Item>("items").SearchAsync(query, 1, new() { VectorProperty = r => r.Name }).ToListAsync());
    }

    [Fact]
    public async Task SkipAndThreshold_CutTheList()
    {
        var items = await FilledAsync();
        var all = await items.SearchAsync(query, 20, ByVector()).ToListAsync();
        var later = await items.SearchAsync(query, 5, new() { VectorProperty = r => r.Vector, Skip = 3 }).ToListAsync();
        Assert.Equal(all.Skip(3).Take(5).Select(hit => hit.Record.Id), later.Select(hit => hit.Record.Id));
        Assert.Empty(await items.SearchAsync(query, 5, new() { VectorProperty = r => r.Vector, Skip = 100 }).ToListAsync());
        var near = await items.SearchAsync(query, 20,
            new() { VectorProperty = r => r.Vector, ScoreThreshold = all[4].Score }).ToListAsync();
        Assert.Equal(all.Take(5).Select(hit => hit.Record.Id), near.Select(hit => hit.Record.Id));
        var places = await items.SearchAsync(new float[] { 3, -3 }, 20,
            new() { VectorProperty = r => r.Place, ScoreThreshold = 1.5 }).ToListAsync();
        Assert.Equal([3, 2, 4], places.Select(hit => hit.Record.Id));
    }

    [Fact]
    public async Task Vectors_AreIncludedOnRequest()
    {
        var items = await FilledAsync();
        var options = new VectorSearchOptions<Item> { VectorProperty = r => r.Vector, IncludeVectors = true };
        var hit = Assert.Single(await items.SearchAsync(query, 1, options).ToListAsync());
        Same(Item.All[hit.Record.Id], hit.Record, withVectors: true);
    }

    [Fact]
    public async Task ABatch_GivesWhatSingleSearchesGive()
    {
        var items = await FilledAsync();
        var batches = Assert.IsAssignableFrom<IVectorBatchSearch<Item>>(items);
        ReadOnlyMemory<float>[] queries = [.. Item.All.Select(item => item.Vector)];
        var options = new VectorSearchOptions<Item> { VectorProperty = r => r.Vector, Filter = r => r.Sold, Skip = 1 };
        var found = await batches.SearchBatchAsync(queries, 4, options);
        for (var i = 0; i < queries.Length; i++)
            Assert.Equal((await items.SearchAsync(queries[i], 4, options).ToListAsync()).Select(hit => (hit.Record.Id, hit.Score)),
                found[i].Select(hit => (hit.Record.Id, hit.Score)));
    }

    [Fact]
    public async Task WrongArguments_AreRefused()
    {
        var items = await FilledAsync();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await items.SearchAsync(query, 0, ByVector()).ToListAsync());
        await Assert.ThrowsAsync<ArgumentException>("searchValue",
            async () => await items.SearchAsync(new float[3], 1, ByVector()).ToListAsync());
        await Assert.ThrowsAsync<ArgumentException>("queries",
            () => ((IVectorBatchSearch<Item>)items).SearchBatchAsync([new float[3]], 1, ByVector()));
        await Assert.ThrowsAsync<NotSupportedException>(async () => await items.SearchAsync("text", 1, ByVector()).ToListAsync());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await items.GetAsync(r => r.Id == 1, 0).ToListAsync());
        await Assert.ThrowsAnyAsync<ArgumentException>(() => items.UpsertAsync((IEnumerable<Item>)null!));
        Assert.ThrowsAny<ArgumentException>(() => Store.GetCollection<int, Item>(" "));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>("ScoreThreshold", async () => await items.SearchAsync(query, 1,
            new() { VectorProperty = r => r.Vector, ScoreThreshold = double.NaN }).ToListAsync());
    }

    // Filters

    [Theory, MemberData(nameof(FilterNumbers))]
    public async Task AFilter_KeepsWhatAPlainConditionKeeps(int number)
    {
        var items = await FilledAsync();
        var (filter, keeps) = Filters.All[number];
        int[] kept = [.. Item.All.Where(keeps).Select(item => item.Id)];
        Assert.Equal(kept, (await items.GetAsync(filter, 100).ToListAsync()).Select(item => item.Id).Order());
        var rows = Item.All.Where(keeps).Select(item => (item.Id, item.Vector.ToArray()));
        Assert.Equal(PlainSearch.Nearest(SearchMetric.Cosine, query, rows, 6).Select(hit => hit.Key),
            (await items.SearchAsync(query, 6, new() { VectorProperty = r => r.Vector, Filter = filter }).ToListAsync())
                .Select(hit => hit.Record.Id));
    }

    [Theory, MemberData(nameof(RefusedNumbers))]
    public async Task AnotherOperator_IsRefusedByName(int number)
    {
        var items = await FilledAsync();
        var (filter, named) = Filters.Refused[number];
        var thrown = await Assert.ThrowsAnyAsync<Exception>(async () => await items.GetAsync(filter, 100).ToListAsync());
        Assert.True(thrown is NotSupportedException or InvalidOperationException, thrown.ToString());
        Assert.Contains(named, thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_SortsSkipsAndCuts()
    {
        var items = await FilledAsync();
        var found = await items.GetAsync(r => r.Id != 7, 5, new()
        {
            OrderBy = order => order.Descending(r => r.Size).Ascending(r => r.Name),
            Skip = 2,
        }).ToListAsync();
        var expected = Item.All.Where(r => r.Id != 7).OrderByDescending(r => r.Size).ThenBy(r => r.Name, StringComparer.Ordinal)
            .ThenBy(r => r.Id).Skip(2).Take(5);
        Assert.Equal(expected.Select(item => item.Id), found.Select(item => item.Id));
    }

    /// <summary>A character outside of the basic plane has surrogates as UTF-16 units, which are below U+E000.</summary>
    [Fact]
    public async Task Texts_AreSortedByCodePoints()
    {
        string[] sorted = ["", "a", "ab", "b", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\U0001f600a", "\U0010ffff"];
        var keyed = Store.GetCollection<string, Keyed<string>>("sorted");
        await keyed.EnsureCollectionExistsAsync();
        await keyed.UpsertAsync(sorted.Reverse().Select(key => new Keyed<string> { Key = key, Vector = [1, 2] }));
        Assert.Equal(sorted, (await keyed.GetAsync(_ => true, 20).ToListAsync()).Select(record => record.Key));
        Assert.Equal(sorted, (await keyed.SearchAsync(new float[] { 1, 2 }, 20).ToListAsync()).Select(hit => hit.Record.Key));
        Assert.Equal(sorted.Reverse(), (await keyed.GetAsync(_ => true, 20, new() { OrderBy = order => order.Descending(r => r.Key) })
            .ToListAsync()).Select(record => record.Key));
    }

    /// <summary>The entries of a dictionary are objects, so a program casts them as in a filter.</summary>
    [Fact]
    public async Task ASelector_MayCastItsProperty_ToATypeWithTheSameOrder()
    {
        var collection = Store.GetDynamicCollection("cast", Definition(new VectorStoreDataProperty("N", typeof(int?)),
            new VectorStoreVectorProperty("Vector", typeof(float[]), 2)));
        await collection.EnsureCollectionExistsAsync();
        int?[] numbers = [3, null, -7, 12, 0];
        await collection.UpsertAsync(numbers.Select((number, i) => new Dictionary<string, object?>
        {
            ["Key"] = $"{i}", ["N"] = number, ["Vector"] = new float[] { 1, 2 },
        }));
        foreach (var cast in new Expression<Func<Dictionary<string, object?>, object?>>[]
        {
            r => r["N"], r => (int)r["N"]!, r => (int?)r["N"], r => (long)(int)r["N"]!, r => (double?)r["N"],
        })
        {
            var found = await collection.GetAsync(_ => true, 9, new() { OrderBy = order => order.Descending(cast) }).ToListAsync();
            Assert.Equal([12, 3, 0, -7, null], found.Select(record => (int?)record["N"]));
        }
        async Task<string> Refused(Expression<Func<Dictionary<string, object?>, object?>> selector) =>
            (await Assert.ThrowsAsync<NotSupportedException>(async () =>
                await collection.GetAsync(_ => true, 9, new() { OrderBy = order => order.Ascending(selector) }).ToListAsync())).Message;
        Assert.StartsWith("OrderBy cannot convert 'N', which is Int32, to Int16: r => ", await Refused(r => (short)r["N"]!));
        Assert.StartsWith("OrderBy cannot convert 'N', which is Int32, to String: r => ", await Refused(r => (string)r["N"]!));
        Assert.StartsWith("OrderBy takes a property of a record, got r => ", await Refused(r => (int)r["N"]! + 1));
        Assert.StartsWith("OrderBy takes a property of a record, got r => ", await Refused(r => 1));

        VectorSearchOptions<Dictionary<string, object?>> By(Expression<Func<Dictionary<string, object?>, object?>> vector) =>
            new() { VectorProperty = vector };
        Assert.Equal(5, await collection.SearchAsync(new float[] { 1, 2 }, 9, By(r => (float[])r["Vector"]!)).CountAsync());
        Assert.StartsWith("VectorProperty cannot convert 'Vector', which is Single[], to ReadOnlyMemory`1: r => ",
            (await Assert.ThrowsAsync<NotSupportedException>(async () => await collection.SearchAsync(
                new float[] { 1, 2 }, 9, By(r => (ReadOnlyMemory<float>)r["Vector"]!)).ToListAsync())).Message);

        var items = await FilledAsync();
        var sizes = await items.GetAsync(_ => true, 100, new() { OrderBy = order => order.Ascending(r => (double)r.Size) }).ToListAsync();
        Assert.Equal(Item.All.Select(item => item.Size).Order(), sizes.Select(item => item.Size));
        Assert.StartsWith("OrderBy takes a property of a record, got r => ", (await Assert.ThrowsAsync<NotSupportedException>(async () =>
            await items.GetAsync(_ => true, 9, new() { OrderBy = order => order.Ascending(r => r.Name!.Length) }).ToListAsync())).Message);
    }

    [Fact]
    public async Task AMessage_OnlyShowsAKey()
    {
        var keyed = Store.GetCollection<string, Keyed<string>>("shown");
        await keyed.EnsureCollectionExistsAsync();
        foreach (var (key, shown) in new[]
        {
            ("a\u001b[2J\r\n", @"a\u001b[2J\u000d\u000a"), ("\u202eb", @"\u202eb"), ("\U0001f600", "\U0001f600"),
            (new string('x', 199) + "\U0001f600", new string('x', 199) + "..."), (new string('x', 300), new string('x', 200) + "..."),
        })
        {
            var thrown = await Assert.ThrowsAsync<ArgumentException>(
                () => keyed.UpsertAsync(new Keyed<string> { Key = key, Vector = [1, float.NaN] }));
            Assert.Contains($"at index 1 of the record {shown}.", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task VectorsAndLists_AreNotSorted()
    {
        var items = await FilledAsync();
        foreach (var (property, name) in new (Expression<Func<Item, object?>>, string)[]
        {
            (r => r.Vector, "'Vector'"), (r => r.Place, "'Place'"), (r => r.Tags, "'Tags'"), (r => r.Colors, "'Colors'"),
        })
        {
            var thrown = await Assert.ThrowsAsync<NotSupportedException>(async () =>
                await items.GetAsync(_ => true, 5, new() { OrderBy = order => order.Ascending(property!) }).ToListAsync());
            Assert.Contains(name, thrown.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A cosine that leaves [−1, 1] by its rounding has no angle, and misses a threshold of 1.</summary>
    [Theory, InlineData(DistanceFunction.CosineSimilarity, 1), InlineData(DistanceFunction.CosineDistance, 0)]
    public async Task ARowFindsItself_WithACosineOfExactlyOne(string distance, double itself)
    {
        var random = new Random(1);
        var rows = Array.ConvertAll(new float[200][], _ => Array.ConvertAll(new float[4], _ => random.NextSingle() - 0.5f));
        var collection = Store.GetDynamicCollection("cosines", Definition(
            new VectorStoreVectorProperty("Vector", typeof(float[]), 4) { DistanceFunction = distance }));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(rows.Select((row, i) => new Dictionary<string, object?> { ["Key"] = $"{i}", ["Vector"] = row }));
        ReadOnlyMemory<float>[] queries =
            [.. rows.SelectMany(row => new ReadOnlyMemory<float>[] { row, Array.ConvertAll(row, x => -3 * x) })];
        var found = await ((IVectorBatchSearch<Dictionary<string, object?>>)collection).SearchBatchAsync(queries, 200);
        var (low, high) = itself == 1 ? (-1.0, 1.0) : (0.0, 2.0);
        for (var i = 0; i < rows.Length; i++)
        {
            Assert.Equal(($"{i}", itself), ((string)found[2 * i][0].Record["Key"]!, found[2 * i][0].Score!.Value));
            Assert.All(found[2 * i].Concat(found[2 * i + 1]), hit => Assert.InRange(hit.Score!.Value, low, high));
            var single = await collection.SearchAsync(rows[i], 1, new() { ScoreThreshold = itself }).ToListAsync();
            Assert.Equal($"{i}", Assert.Single(single).Record["Key"]);
        }
    }

    // Types

    [Fact]
    public async Task EveryKeyType_IsKept()
    {
        await RoundTripAsync(["a", "B", "ä'\"", ""], new[] { "x" });
        await RoundTripAsync([1, -5, int.MaxValue], new[] { 7 });
        await RoundTripAsync([1L, long.MinValue, long.MaxValue], new[] { 7L });
        await RoundTripAsync([1UL, ulong.MaxValue, 0UL], new[] { 7UL });
        await RoundTripAsync([Item.GroupOf(1), Item.GroupOf(2)], new[] { Item.GroupOf(9) });
    }

    /// <summary>A definition names columns and members of JSON, which cannot hold half of a surrogate pair.</summary>
    [Fact]
    public async Task HalfOfASurrogatePair_InADefinition_IsRefused()
    {
        const string half = "cut \ud83d";
        foreach (var (model, storage) in new[] { (half, null), ("data", half) })
        {
            var definition = new VectorStoreCollectionDefinition
            {
                Properties = [new VectorStoreKeyProperty("id", typeof(int)), new VectorStoreDataProperty(model, typeof(string))
                    { StorageName = storage }],
            };
            var error = await Assert.ThrowsAnyAsync<ArgumentException>(
                () => Store.GetDynamicCollection("halves", definition).EnsureCollectionExistsAsync());
            Assert.Contains("cut \\ud83d", error.Message, StringComparison.Ordinal);
        }
        Assert.False(await Store.CollectionExistsAsync("halves"));
    }

    /// <summary>A record without a key gets one when it is written, and none from a call that fails.</summary>
    [Fact]
    public async Task AnEmptyGuid_StaysEmpty_IfTheCallFails()
    {
        var collection = Store.GetCollection<Guid, Keyed<Guid>>("unwritten");
        var record = new Keyed<Guid> { Vector = [1, 2] };
        await Assert.ThrowsAsync<VectorStoreException>(() => collection.UpsertAsync(record));     // there is no collection
        Assert.Equal(Guid.Empty, record.Key);
        await collection.EnsureCollectionExistsAsync();
        await Assert.ThrowsAsync<ArgumentException>(
            () => collection.UpsertAsync([record, new Keyed<Guid> { Vector = [float.NaN, 2] }]));
        Assert.Equal(Guid.Empty, record.Key);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => collection.UpsertAsync(record, new CancellationToken(true)));
        Assert.Equal(Guid.Empty, record.Key);
        Assert.Empty(await collection.GetAsync(_ => true, 9).ToListAsync());
        await collection.UpsertAsync([record, record]);     // a record that occurs twice has one key
        Assert.Equal(record.Key, Assert.Single(await collection.GetAsync(_ => true, 9).ToListAsync()).Key);
    }

    [Fact]
    public async Task AnEmptyGuid_IsReplacedByTheStore()
    {
        var collection = Store.GetCollection<Guid, Keyed<Guid>>("guids");
        await collection.EnsureCollectionExistsAsync();
        var record = new Keyed<Guid> { Vector = [1, 2] };
        await collection.UpsertAsync(record);
        Assert.NotEqual(Guid.Empty, record.Key);
        Assert.NotNull(await collection.GetAsync(record.Key));
    }

    [Fact]
    public async Task EveryVectorType_IsKept()
    {
        var definition = Definition(new VectorStoreVectorProperty("Memory", typeof(ReadOnlyMemory<float>), 2),
            new VectorStoreVectorProperty("Array", typeof(float[]), 2),
            new VectorStoreVectorProperty("Embedding", typeof(Embedding<float>), 2));
        var collection = Store.GetDynamicCollection("vectors", definition);
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(new Dictionary<string, object?>
        {
            ["Key"] = "a", ["Memory"] = (ReadOnlyMemory<float>)new float[] { 1, 2 }, ["Array"] = new float[] { 3, 4 },
            ["Embedding"] = new Embedding<float>(new float[] { 5, 6 }),
        });
        var found = (await collection.GetAsync("a", new() { IncludeVectors = true }))!;
        Assert.Equal([1, 2], ((ReadOnlyMemory<float>)found["Memory"]!).ToArray());
        Assert.Equal([3, 4], (float[])found["Array"]!);
        Assert.Equal([5, 6], ((Embedding<float>)found["Embedding"]!).Vector.ToArray());
    }

    public static TheoryData<string, double, double> Distances => new()
    {
        { DistanceFunction.CosineSimilarity, 1, 0.6 }, { DistanceFunction.CosineDistance, 0, 0.4 },
        { DistanceFunction.DotProductSimilarity, 3, 1.5 }, { DistanceFunction.NegativeDotProductSimilarity, -3, -1.5 },
        { DistanceFunction.EuclideanDistance, 2, 2 }, { DistanceFunction.EuclideanSquaredDistance, 4, 4 },
    };

    [Theory, MemberData(nameof(Distances))]
    public async Task EveryDistance_HasItsScore(string distance, double ofNear, double ofFar)
    {
        var collection = Store.GetDynamicCollection("distances", Definition(
            new VectorStoreVectorProperty("Vector", typeof(float[]), 2) { DistanceFunction = distance }));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([Of("a", [3, 0]), Of("b", [1.5f, 2])]);
        var found = await collection.SearchAsync(new float[] { 1, 0 }, 2).ToListAsync();
        Assert.Equal(["a", "b"], found.Select(hit => (string)hit.Record["Key"]!));
        Assert.Equal(ofNear, found[0].Score!.Value, 12);
        Assert.Equal(distance.StartsWith("Euclidean", StringComparison.Ordinal) ? ofFar * (distance.Contains("Squared",
            StringComparison.Ordinal) ? 4.25 / 4 : Math.Sqrt(4.25) / 2) : ofFar, found[1].Score!.Value, 12);

        static Dictionary<string, object?> Of(string key, float[] vector) => new() { ["Key"] = key, ["Vector"] = vector };
    }

    [Theory, InlineData(DistanceFunction.HammingDistance), InlineData(DistanceFunction.ManhattanDistance)]
    public void AnotherDistance_IsRefused(string distance) => Assert.Contains(distance, Assert.Throws<NotSupportedException>(() =>
        Store.GetDynamicCollection("x", Definition(new VectorStoreVectorProperty("Vector", typeof(float[]), 2)
        {
            DistanceFunction = distance,
        }))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task DynamicRecords_AreFilteredByTheirEntries()
    {
        var collection = Store.GetDynamicCollection("dynamic", Definition(new VectorStoreDataProperty("Name", typeof(string)),
            new VectorStoreDataProperty("Size", typeof(int?)), new VectorStoreDataProperty("Sold", typeof(bool?)),
            new VectorStoreDataProperty("Tags", typeof(string[])), new VectorStoreVectorProperty("Vector", typeof(float[]), 2)));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(
        [
            new()
            {
                ["Key"] = "a", ["Name"] = "x", ["Size"] = 1, ["Sold"] = true, ["Tags"] = new[] { "t" }, ["Vector"] = new float[] { 1, 0 },
            },
            new() { ["Key"] = "b", ["Name"] = null, ["Vector"] = new float[] { 0, 1 } },
            new() { ["Key"] = "c", ["Name"] = "y", ["Size"] = 3, ["Sold"] = false, ["Vector"] = new float[] { 1, 1 } },
        ]);
        await KeepsAsync(r => (string)r["Name"]! == "x", "a");
        await KeepsAsync(r => r["Name"] == null, "b");
        await KeepsAsync(r => (int)r["Size"]! > 1, "c");
        await KeepsAsync(r => (int)r["Size"]! <= 3, "a", "c");
        await KeepsAsync(r => (int?)r["Size"] == null, "b");
        await KeepsAsync(r => (bool)r["Sold"]!, "a");
        await KeepsAsync(r => !(bool)r["Sold"]!, "b", "c");
        await KeepsAsync(r => ((string[])r["Tags"]!).Contains("t"), "a");
        await KeepsAsync(r => (string)r["Key"]! != "a", "b", "c");
        await Assert.ThrowsAsync<InvalidOperationException>(() => KeepsAsync(r => (string)r["None"]! == "x"));
        await Assert.ThrowsAsync<ArgumentException>(() => collection.UpsertAsync(new Dictionary<string, object?> { ["Name"] = "no key" }));
        foreach (var (name, value, types) in new (string, object, string)[]
        {
            ("Size", "1", "Int32?, got String"), ("Size", 1L, "Int32?, got Int64"), ("Name", 1, "String, got Int32"),
            ("Tags", new List<string>(), "String[], got List<String>"), ("Vector", new double[2], "Single[], got Double[]"),
        })
        {
            var wrong = new Dictionary<string, object?> { ["Key"] = "d", [name] = value };
            var refused = await Assert.ThrowsAsync<ArgumentException>(() => collection.UpsertAsync(wrong));
            Assert.Contains($"'{name}' must be {types} in the record d.", refused.Message, StringComparison.Ordinal);
        }
        Assert.Null(await collection.GetAsync("d"));

        async Task KeepsAsync(System.Linq.Expressions.Expression<Func<Dictionary<string, object?>, bool>> filter, params string[] keys) =>
            Assert.Equal(keys, (await collection.GetAsync(filter, 10).ToListAsync()).Select(record => (string)record["Key"]!));
    }

    public static TheoryData<string> ScalarTypes => [.. Scalars.Keys.Select(type => type.Name)];

    /// <summary>Two values of each type that a property may have, except for lists, which are compared by their elements.</summary>
    private static Dictionary<Type, (object Less, object More)> Scalars { get; } = new()
    {
        [typeof(string)] = ("a", "b"), [typeof(bool)] = (false, true), [typeof(byte)] = ((byte)1, (byte)2),
        [typeof(short)] = ((short)1, (short)2), [typeof(int)] = (1, 2), [typeof(long)] = (1L, 2L), [typeof(ulong)] = (1UL, 2UL),
        [typeof(float)] = (1f, 2f), [typeof(double)] = (1.0, 2.0), [typeof(decimal)] = (1m, 2m),
        [typeof(Guid)] = (Item.GroupOf(1), Item.GroupOf(2)), [typeof(DateOnly)] = (new DateOnly(2026, 1, 1), new DateOnly(2026, 1, 2)),
        [typeof(DateTime)] = (new DateTime(1, DateTimeKind.Utc), new DateTime(2, DateTimeKind.Utc)),
        [typeof(DateTimeOffset)] = (new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 1, 2, 0, 0, 0,
            TimeSpan.Zero)),
        [typeof(TimeOnly)] = (new TimeOnly(1), new TimeOnly(2)), [typeof(TimeSpan)] = (new TimeSpan(1), new TimeSpan(2)),
    };

    /// <summary>C# compares the references of entries. A filter compares their values, whatever their type.</summary>
    [Theory, MemberData(nameof(ScalarTypes))]
    public async Task EntriesOfADynamicRecord_AreComparedByValue(string name)
    {
        var (type, (less, more)) = Scalars.Single(pair => pair.Key.Name == name);
        var optional = type.IsValueType ? typeof(Nullable<>).MakeGenericType(type) : type;
        var collection = Store.GetDynamicCollection("scalars", Definition(new VectorStoreDataProperty("V", optional),
            new VectorStoreDataProperty("W", optional), new VectorStoreVectorProperty("Vector", typeof(float[]), 2)));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(
        [
            new() { ["Key"] = "a", ["V"] = less, ["W"] = less, ["Vector"] = new float[] { 1, 0 } },
            new() { ["Key"] = "b", ["V"] = more, ["W"] = less, ["Vector"] = new float[] { 0, 1 } },
            new() { ["Key"] = "c", ["Vector"] = new float[] { 1, 1 } },
        ]);
        object? nothing = null;
        List<object?> some = [more, null], one = [less];
        await KeepsAsync(r => r["V"] == less, "a");
        await KeepsAsync(r => less == r["V"], "a");
        await KeepsAsync(r => r["V"] != less, "b", "c");
        await KeepsAsync(r => !(r["V"] == less), "b", "c");
        await KeepsAsync(r => r["V"] == nothing, "c");
        await KeepsAsync(r => r["V"] != nothing, "a", "b");
        await KeepsAsync(r => r["V"] == r["W"], "a", "c");
        await KeepsAsync(r => r["V"] != r["W"], "b");
        await KeepsAsync(r => some.Contains(r["V"]), "b", "c");
        await KeepsAsync(r => !one.Contains(r["V"]), "b", "c");

        async Task KeepsAsync(System.Linq.Expressions.Expression<Func<Dictionary<string, object?>, bool>> filter, params string[] keys)
        {
            Assert.Equal(keys, (await collection.GetAsync(filter, 10).ToListAsync()).Select(record => (string)record["Key"]!));
            var hits = await collection.SearchAsync(new float[] { 1, 0 }, 10, new() { Filter = filter }).ToListAsync();
            Assert.Equal(keys, hits.Select(hit => (string)hit.Record["Key"]!).Order());
        }
    }

    [Fact]
    public async Task EntriesThatAreNumbers_AreComparedWithNumbersOfOtherTypes()
    {
        var collection = Store.GetDynamicCollection("numbers", Definition(new VectorStoreDataProperty("N", typeof(int?)),
            new VectorStoreDataProperty("L", typeof(long?)), new VectorStoreDataProperty("Name", typeof(string)),
            new VectorStoreVectorProperty("Vector", typeof(float[]), 2)));
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync([new() { ["Key"] = "a", ["N"] = 5, ["L"] = 5L, ["Name"] = "5" }, new() { ["Key"] = "b" }]);
        object five = 5, big = 5_000_000_000, half = 5.5, text = "5", monday = (DayOfWeek)5;
        int[] list = [5];
        List<object> objects = [5L, 5.5];
        await KeepsAsync(r => (long)r["N"]! == 5, "a");
        await KeepsAsync(r => (double)r["N"]! > 4.5, "a");
        await KeepsAsync(r => (long?)r["N"] != 5, "b");
        await KeepsAsync(r => r["L"] == five, "a");
        await KeepsAsync(r => r["N"] == r["L"], "a", "b");
        await KeepsAsync(r => r["N"] == big);
        await KeepsAsync(r => r["N"] != half, "a", "b");
        await KeepsAsync(r => r["N"] == monday, "a");
        await KeepsAsync(r => (DayOfWeek)r["N"]! == DayOfWeek.Friday, "a");
        await KeepsAsync(r => list.Contains((int)r["N"]!), "a");
        await KeepsAsync(r => !list.Contains((int)r["N"]!), "b");
        await KeepsAsync(r => objects.Contains(r["N"]!), "a");
        await RefusesAsync(r => (int)r["L"]! == 5, "cannot convert 'L', which is Int64, to Int32");
        await RefusesAsync(r => (string)r["N"]! == "5", "cannot convert 'N', which is Int32, to String");
        await RefusesAsync(r => r["N"] == text, "cannot compare Int32 with String");
        await RefusesAsync(r => r["Name"] == five, "cannot compare String with Int32");
        await RefusesAsync(r => r["Name"]!.Equals("5"), "Equals");

        async Task KeepsAsync(System.Linq.Expressions.Expression<Func<Dictionary<string, object?>, bool>> filter, params string[] keys) =>
            Assert.Equal(keys, (await collection.GetAsync(filter, 10).ToListAsync()).Select(record => (string)record["Key"]!));

        async Task RefusesAsync(System.Linq.Expressions.Expression<Func<Dictionary<string, object?>, bool>> filter, string message) =>
            Assert.Contains(message, (await Assert.ThrowsAsync<NotSupportedException>(
                async () => await collection.GetAsync(filter, 10).ToListAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DynamicRecords_NeedTheirDefinedEntries()
    {
        var collection = Store.GetDynamicCollection("defined", Definition(new VectorStoreDataProperty("Kind", typeof(string)),
            new VectorStoreDataProperty("Size", typeof(int)), new VectorStoreVectorProperty("Vector", typeof(ReadOnlyMemory<float>), 2)));
        await collection.EnsureCollectionExistsAsync();
        var vector = (ReadOnlyMemory<float>)new float[] { 1, 0 };
        await RefusesAsync(new() { ["Key"] = "a", ["kind"] = "x", ["Size"] = 1, ["Vector"] = vector }, "'kind' is not a property");
        await RefusesAsync(new() { ["Key"] = "a", ["Vector"] = vector }, "'Size' must not be null");
        await RefusesAsync(new() { ["Key"] = "a", ["Size"] = null, ["Vector"] = vector }, "'Size' must not be null");
        await collection.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "a", ["Size"] = 1, ["Vector"] = vector });
        await RefusesAsync((await collection.GetAsync("a"))!, "'Vector' must not be null");
        var whole = (await collection.GetAsync("a", new() { IncludeVectors = true }))!;
        whole["Kind"] = "x";
        await collection.UpsertAsync(whole);
        Assert.Single(await collection.SearchAsync(vector, 5).ToListAsync());

        async Task RefusesAsync(Dictionary<string, object?> record, string message)
        {
            var thrown = await Assert.ThrowsAsync<ArgumentException>(() => collection.UpsertAsync(record));
            Assert.Contains(message, thrown.Message, StringComparison.Ordinal);
            Assert.Contains("the record a", thrown.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TypesThatAreNotSupported_AreRefused()
    {
        Assert.Throws<NotSupportedException>(() => Store.GetCollection<DateTime, Keyed<DateTime>>("x"));
        Assert.Throws<NotSupportedException>(() =>
            Store.GetDynamicCollection("x", Definition(new VectorStoreDataProperty("D", typeof(Uri)))));
        Assert.Throws<InvalidOperationException>(() =>
            Store.GetDynamicCollection("x", Definition(new VectorStoreVectorProperty("V", typeof(double[]), 2))));
        Assert.Throws<InvalidOperationException>(() => Store.GetCollection<string, Item>("x"));
    }

    // Services

    /// <summary>Registers a store of this kind, with the function that makes it; null for the usual one.</summary>
    protected abstract void Register(IServiceCollection services, Func<IServiceProvider, VectorStore>? create);

    [Fact]
    public void ARegisteredStore_IsOne_AndTakesTheGeneratorThatIsRegistered()
    {
        var (services, generator) = (new ServiceCollection(), new ImageEmbedder((_, _) => Task.FromResult(query)));
        services.AddSingleton<IEmbeddingGenerator>(generator);
        Register(services, create: null);
        var provider = new Provider(services);
        using var made = (VectorStore)provider.GetService(typeof(VectorStore))!;
        Assert.IsType(Store.GetType(), made);
        Assert.Same(made, provider.GetService(Store.GetType()));
        Assert.Same(generator, made.GetType().GetProperty(nameof(ExactVectorStore.EmbeddingGenerator))!.GetValue(made));
        var own = new ServiceCollection();
        Register(own, _ => Store);
        Assert.Same(Store, new Provider(own).GetService(typeof(VectorStore)));
    }

    /// <summary>A container of singletons.</summary>
    private sealed class Provider(IServiceCollection services) : IServiceProvider
    {
        private readonly Dictionary<Type, object> made = [];

        public object? GetService(Type serviceType)
        {
            if (services.LastOrDefault(service => service.ServiceType == serviceType) is not { } found) return null;
            if (!made.TryGetValue(serviceType, out var service))
                made.Add(serviceType, service = found.ImplementationInstance ?? found.ImplementationFactory!(this));
            return service;
        }
    }

    [Fact]
    public async Task Services_AreGiven()
    {
        var items = await FilledAsync();
        Assert.Same(items, items.GetService(items.GetType()));
        Assert.Null(items.GetService(typeof(string)));
        Assert.Null(items.GetService(items.GetType(), "key"));
        Assert.Equal("items", ((VectorStoreCollectionMetadata)items.GetService(typeof(VectorStoreCollectionMetadata))!).CollectionName);
        Assert.Same(Store, Store.GetService(Store.GetType()));
        Assert.StartsWith("metriclearning.", ((VectorStoreMetadata)Store.GetService(typeof(VectorStoreMetadata))!).VectorStoreSystemName,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACollectionOfOtherRecords_IsRefused()
    {
        await Store.GetDynamicCollection("one name", Of("N", 2)).EnsureCollectionExistsAsync();
        foreach (var other in new[] { Of("New", 2), Of("N", 3) })
        {
            var collection = Store.GetDynamicCollection("one name", other);
            foreach (var call in new Func<Task>[] { () => collection.EnsureCollectionExistsAsync(), () => collection.GetAsync("a"),
                () => collection.DeleteAsync("a") })
                Assert.Contains("one name", (await Assert.ThrowsAsync<VectorStoreException>(call)).Message, StringComparison.Ordinal);
        }
        await Assert.ThrowsAsync<VectorStoreException>(() => Store.GetCollection<int, Item>("one name").EnsureCollectionExistsAsync());

        static VectorStoreCollectionDefinition Of(string property, int dimensions) => Definition(
            new VectorStoreDataProperty(property, typeof(int?)), new VectorStoreVectorProperty("Vector", typeof(float[]), dimensions));
    }

    /// <summary>Types that differ only in what they are of are different, and the message names both.</summary>
    [Fact]
    public async Task AnotherTypeOfANullableValueOrOfAList_IsRefused()
    {
        foreach (var (name, type, other) in new[]
            { ("nullable", typeof(int?), typeof(long?)), ("list", typeof(List<string>), typeof(List<int>)) })
        {
            await Store.GetDynamicCollection(name, Of(type)).EnsureCollectionExistsAsync();
            await Store.GetDynamicCollection(name, Of(type)).EnsureCollectionExistsAsync();
            var thrown = await Assert.ThrowsAsync<VectorStoreException>(() =>
                Store.GetDynamicCollection(name, Of(other)).EnsureCollectionExistsAsync());
            Assert.DoesNotContain("`", thrown.Message, StringComparison.Ordinal);
        }

        static VectorStoreCollectionDefinition Of(Type type) => Definition(
            new VectorStoreDataProperty("N", type), new VectorStoreVectorProperty("Vector", typeof(float[]), 2));
    }

    [Fact]
    public async Task AnAlias_NamesOnlyACollectionThatExists()
    {
        var alias = new CollectionAlias(Store, "gallery");
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(() => alias.SwitchAsync("nope"));
        Assert.Contains("'nope'", thrown.Message, StringComparison.Ordinal);
        Assert.Null(await alias.CurrentAsync());
    }

    [Fact]
    public async Task AMigration_LeavesTheKeysAsTheyAre()
    {
        var (items, made) = (await FilledAsync(), Store.GetCollection<int, Item>("renamed"));
        var thrown = await Assert.ThrowsAsync<InvalidOperationException>(() => CollectionMigration.RunAsync(items, made, item => item.Id,
            (records, _) =>
            {
                foreach (var record in records) (record.Id, record.Vector) = (record.Id + 100, query);
                return Task.CompletedTask;
            }));
        Assert.Contains("keys", thrown.Message, StringComparison.Ordinal);
        Assert.Empty(await made.GetAsync(_ => true, 100).ToListAsync());
    }

    [Fact]
    public async Task AMigration_NeedsTwoCollections_AndTheFirstExists()
    {
        var (items, made) = (await FilledAsync(), Store.GetCollection<int, Item>("made"));
        Assert.Contains("'items' for both", (await Assert.ThrowsAsync<ArgumentException>(() => RunAsync(items, items))).Message,
            StringComparison.Ordinal);
        // Another object of the same collection has all keys already, so nothing would be embedded.
        Assert.Contains("'items' for both", (await Assert.ThrowsAsync<ArgumentException>("to",
            () => RunAsync(items, Store.GetCollection<int, Item>("items")))).Message, StringComparison.Ordinal);
        var missing = Store.GetCollection<int, Item>("itmes");
        Assert.Contains("'itmes' does not exist", (await Assert.ThrowsAsync<VectorStoreException>(() => RunAsync(missing, made))).Message,
            StringComparison.Ordinal);
        Assert.False(await made.CollectionExistsAsync());

        static Task<long> RunAsync(VectorStoreCollection<int, Item> from, VectorStoreCollection<int, Item> to) =>
            CollectionMigration.RunAsync(from, to, item => item.Id, (_, _) => Task.CompletedTask);
    }

    /// <summary>A migration that was stopped continues where it stopped. The name changes in one step.</summary>
    [Fact]
    public async Task AMigration_ResumesAndSwitches()
    {
        var (items, made) = (await FilledAsync(), Store.GetCollection<int, Item>("items of the new model"));
        var (alias, embedded) = (new CollectionAlias(Store, "gallery"), new List<int>());
        Assert.Null(await alias.CurrentAsync());
        await alias.SwitchAsync(items.Name);
        await made.EnsureCollectionExistsAsync();
        await made.UpsertAsync(new Item { Id = 1000, Vector = query });     // a vector of a record that has been deleted since
        await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(stopAt: 8));
        Assert.Equal(items.Name, await alias.CurrentAsync());
        Assert.Equal(8, embedded.Count);
        Assert.Equal(12, await RunAsync(stopAt: int.MaxValue));
        Assert.Equal(Enumerable.Range(0, 20), embedded.Order());
        Assert.Equal(0, await RunAsync(stopAt: int.MaxValue));
        await alias.SwitchAsync(made.Name);
        Assert.Equal(made.Name, await new CollectionAlias(Store, "gallery").CurrentAsync());
        Assert.Equal(20, (await made.GetAsync(_ => true, 100).ToListAsync()).Count);
        foreach (var item in Item.All)
        {
            var found = (await made.GetAsync(item.Id, new() { IncludeVectors = true }))!;
            Assert.Equal((item.Name, item.Since, item.Id + 2f), (found.Name, found.Since, found.Vector.Span[0]));
        }

        Task<long> RunAsync(int stopAt) => CollectionMigration.RunAsync(items, made, item => item.Id, (records, _) =>
        {
            if (embedded.Count >= stopAt) throw new InvalidOperationException("stopped");
            foreach (var record in records)
            {
                embedded.Add(record.Id);
                record.Vector = new[] { record.Id + 2f, 1, 1, 1 };
            }
            return Task.CompletedTask;
        }, batch: 4);
    }

    [Fact]
    public async Task ReadersAndWriters_WorkAtOnce()
    {
        var items = await FilledAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
            {
                await items.UpsertAsync(new Item { Id = 100 + worker * 100 + i, Vector = query });
                Assert.Equal(10, (await items.SearchAsync(query, 10, ByVector()).ToListAsync()).Count);
                if (i % 5 == 0) await items.DeleteAsync(100 + worker * 100 + i);
            }
        })));
        Assert.Equal(20 + 4 * 20, (await items.GetAsync(_ => true, 1000).ToListAsync()).Count);
    }

    /// <summary>Items have two vectors, so a search names one.</summary>
    protected static VectorSearchOptions<Item> ByVector() => new() { VectorProperty = r => r.Vector };

    protected async Task<VectorStoreCollection<int, Item>> FilledAsync()
    {
        var items = Store.GetCollection<int, Item>("items");
        await items.EnsureCollectionExistsAsync();
        await items.UpsertAsync(Item.All);
        return items;
    }

    protected static void Same(Item expected, Item? found, bool withVectors)
    {
        Assert.NotNull(found);
        Assert.Equal((expected.Id, expected.Name, expected.Size, expected.Count), (found.Id, found.Name, found.Size, found.Count));
        Assert.Equal(expected.Checked, found.Checked);
        Assert.Equal((expected.Price, expected.Sold, expected.Since, expected.Group), (found.Price, found.Sold, found.Since, found.Group));
        Assert.Equal(expected.Since.Offset, found.Since.Offset);
        Assert.Equal(expected.Tags, found.Tags);
        Assert.Equal(expected.Colors, found.Colors);
        Assert.Null(found.Ignored);
        Assert.Equal(withVectors ? expected.Vector.ToArray() : [], found.Vector.ToArray());
        Assert.Equal(withVectors ? expected.Place : null, found.Place);
    }

    private async Task RoundTripAsync<TKey>(TKey[] keys, TKey[] missing) where TKey : notnull
    {
        var collection = Store.GetCollection<TKey, Keyed<TKey>>($"keys {typeof(TKey).Name}");
        await collection.EnsureCollectionExistsAsync();
        await collection.UpsertAsync(keys.Select((key, i) => new Keyed<TKey> { Key = key, Vector = [i + 1, 1] }));
        foreach (var key in keys) Assert.Equal(key, (await collection.GetAsync(key))!.Key);
        foreach (var key in missing) Assert.Null(await collection.GetAsync(key));
        Assert.Equal(keys.Length, (await collection.SearchAsync(new float[] { 1, 0 }, 10).ToListAsync()).Count);
        await collection.DeleteAsync(keys[0]);
        Assert.Null(await collection.GetAsync(keys[0]));
    }

    private static VectorStoreCollectionDefinition Definition(params VectorStoreProperty[] properties) =>
        new() { Properties = [new VectorStoreKeyProperty("Key", typeof(string)), .. properties] };
}
