using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Tests of canaries for every store whose records outlive the process. Each such store runs all of them.</summary>
public abstract class CanaryConformance
{
    private const string Name = "seen";
    private static readonly float[] query = [1, 2];

    /// <summary>The store of the test, as a program with these canaries opens it.</summary>
    protected abstract VectorStore Open(GalleryCanaries? canaries);

    /// <summary>The canaries that a collection of such a store keeps.</summary>
    protected abstract Task<GalleryCanaries?> StoredAsync(VectorStoreCollection<int, Keyed<int>> records);

    [Fact]
    public async Task TheModelThatFilledACollection_IsTaken_AndAnotherIsRefused()
    {
        var canaries = await FakeModel.CanariesAsync(slant: 0);
        using (var first = Open(canaries)) await FillAsync(first);
        using (var same = Open(await FakeModel.CanariesAsync(slant: 1e-5)))
        {
            await Records(same).EnsureCollectionExistsAsync();
            Assert.Single(await Records(same).SearchAsync(query, 3).ToListAsync());
            Assert.Equal(canaries.ToJson(), (await StoredAsync(Records(same)))!.ToJson());
        }
        using (var another = Open(await FakeModel.CanariesAsync(slant: 0.5)))
        {
            var records = Records(another);
            foreach (var call in new Func<Task>[]
            {
                () => records.EnsureCollectionExistsAsync(), () => records.GetAsync(1), () => records.DeleteAsync(1),
                () => records.UpsertAsync(new Keyed<int> { Key = 2, Vector = query }),
                async () => await records.SearchAsync(query, 3).ToListAsync(), () => StoredAsync(records),
            })
                Assert.Contains($"not the one that filled the collection '{Name}'",
                    (await Assert.ThrowsAsync<VectorStoreException>(call)).Message, StringComparison.Ordinal);
        }
        using var unchecking = Open(canaries: null);
        Assert.Single(await Records(unchecking).GetAsync(_ => true, 10).ToListAsync());
        Assert.Equal(0, canaries.Difference((await StoredAsync(Records(unchecking)))!));
    }

    [Fact]
    public async Task OtherWidthsAndOtherInputs_AreRefusedByName()
    {
        using (var first = Open(await FakeModel.CanariesAsync(slant: 0))) await FillAsync(first);
        using var wider = Open(await FakeModel.CanariesAsync(slant: 0, width: 12));
        Assert.Contains("12 numbers", (await Assert.ThrowsAsync<VectorStoreException>(() => Records(wider).GetAsync(1))).Message,
            StringComparison.Ordinal);
        using var asked = Open(await GalleryCanaries.MakeAsync(FakeModel.Of(slant: 0), [new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }]));
        Assert.Contains("other inputs", (await Assert.ThrowsAsync<VectorStoreException>(() => Records(asked).GetAsync(1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task ACollectionWithoutCanaries_TakesTheFirst_AndADeletedOneForgetsThem()
    {
        var (first, second) = (await FakeModel.CanariesAsync(slant: 0), await FakeModel.CanariesAsync(slant: 0.5));
        using (var before = Open(canaries: null)) await FillAsync(before);
        using (var reading = Open(first))
        {
            Assert.NotNull(await Records(reading).GetAsync(1));
            Assert.Null(await StoredAsync(Records(reading)));
            await Records(reading).EnsureCollectionExistsAsync();
            Assert.NotNull(await StoredAsync(Records(reading)));
        }
        using var other = Open(second);
        await Assert.ThrowsAsync<VectorStoreException>(() => Records(other).GetAsync(1));
        await Records(other).EnsureCollectionDeletedAsync();
        await FillAsync(other);
        Assert.Equal(0, second.Difference((await StoredAsync(Records(other)))!));
    }

    /// <summary>A migration that was stopped goes on with another model by mistake.</summary>
    [Fact]
    public async Task AMigration_GoesOnWithItsOwnModelOnly()
    {
        using var old = Open(canaries: null);
        await FillAsync(old);
        var target = "seen again";
        using (var next = Open(await FakeModel.CanariesAsync(slant: 0)))
            await next.GetCollection<int, Keyed<int>>(target).EnsureCollectionExistsAsync();
        using (var mistaken = Open(await FakeModel.CanariesAsync(slant: 0.5)))
            await Assert.ThrowsAsync<VectorStoreException>(() => MigrateAsync(mistaken));
        using var right = Open(await FakeModel.CanariesAsync(slant: 0));
        Assert.Equal(1, await MigrateAsync(right));

        Task<long> MigrateAsync(VectorStore to) => CollectionMigration.RunAsync(Records(old),
            to.GetCollection<int, Keyed<int>>(target), record => record.Key, (records, _) =>
            {
                foreach (var record in records) record.Vector = [2, 1];
                return Task.CompletedTask;
            });
    }

    private static VectorStoreCollection<int, Keyed<int>> Records(VectorStore store) => store.GetCollection<int, Keyed<int>>(Name);

    private static async Task FillAsync(VectorStore store)
    {
        await Records(store).EnsureCollectionExistsAsync();
        await Records(store).UpsertAsync(new Keyed<int> { Key = 1, Vector = query });
    }
}

/// <summary>Stands in for a network. Its vectors are means of the bytes of an input.</summary>
internal static class FakeModel
{
    /// <param name="slant">How much the numbers of a vector are scaled by their place. Another slant is another model.</param>
    /// <param name="width">Numbers in a vector.</param>
    public static Func<ReadOnlyMemory<byte>, CancellationToken, Task<float[]>> Of(double slant, int width = 8) => (input, _) =>
    {
        var vector = new float[width];
        for (var i = 0; i < input.Length; i++) vector[i % width] += input.Span[i] / (float)input.Length;
        for (var place = 0; place < width; place++) vector[place] *= (float)(1 + slant * (place - width / 2));
        return Task.FromResult(vector);
    };

    /// <summary>The canaries of such a model for the default pictures.</summary>
    public static Task<GalleryCanaries> CanariesAsync(double slant, int width = 8) => GalleryCanaries.MakeAsync(Of(slant, width));
}
