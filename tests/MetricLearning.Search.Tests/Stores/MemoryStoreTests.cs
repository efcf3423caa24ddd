using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>Runs the tests of all stores on the store in memory, and tests that it computes vectors if it has a generator.</summary>
public sealed class MemoryStoreTests : StoreConformance
{
    private readonly MemoryVectorStore store = new() { Threads = 2 };

    protected override VectorStore Store => store;

    protected override void Register(IServiceCollection services, Func<IServiceProvider, VectorStore>? create) =>
        _ = create is null ? services.AddMemoryVectorStore()
            : services.AddMemoryVectorStore(provider => (MemoryVectorStore)create(provider));

    [Fact]
    public async Task OtherTypesForACollection_AreRefused()
    {
        await FilledAsync();
        var other = store.GetCollection<int, Keyed<int>>("items");
        Assert.Contains("other types", (await Assert.ThrowsAsync<VectorStoreException>(() => other.GetAsync(1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task AGenerator_MakesTheVectors()
    {
        using var generator = new LetterCounts();
        using var made = new MemoryVectorStore { EmbeddingGenerator = generator };
        var definition = new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty("Key", typeof(string)), new VectorStoreVectorProperty("Text", typeof(string), 26)],
        };
        var words = made.GetDynamicCollection("words", definition);
        await words.EnsureCollectionExistsAsync();
        await words.UpsertAsync(new[] { "moon", "noon", "table" }
            .Select(word => new Dictionary<string, object?> { ["Key"] = word, ["Text"] = word }));
        Assert.Equal(1, generator.Calls);
        Assert.Equal(["noon", "moon"], (await words.SearchAsync("onno", 2).ToListAsync()).Select(hit => (string)hit.Record["Key"]!));
        await Assert.ThrowsAsync<NotSupportedException>(() => words.GetAsync("moon", new() { IncludeVectors = true }));
        var read = (await words.GetAsync("moon"))!;
        var thrown = await Assert.ThrowsAsync<ArgumentException>(() => words.UpsertAsync(read));
        Assert.Contains("'Text' must not be null", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("the record moon", thrown.Message, StringComparison.Ordinal);
    }

    /// <summary>Records must not vanish without an error, as they do not in the other stores.</summary>
    [Fact]
    public async Task ACollectionThatIsDeletedWhileVectorsAreMade_TakesNoRecords()
    {
        using var generator = new LetterCounts();
        using var made = new MemoryVectorStore { EmbeddingGenerator = generator };
        var words = made.GetDynamicCollection("words", new VectorStoreCollectionDefinition
        {
            Properties = [new VectorStoreKeyProperty("Key", typeof(string)), new VectorStoreVectorProperty("Text", typeof(string), 26)],
        });
        await words.EnsureCollectionExistsAsync();
        generator.BeforeAnswer = () => words.EnsureCollectionDeletedAsync();
        var thrown = await Assert.ThrowsAsync<VectorStoreException>(
            () => words.UpsertAsync(new Dictionary<string, object?> { ["Key"] = "moon", ["Text"] = "moon" }));
        Assert.Contains("The collection 'words' does not exist", thrown.Message, StringComparison.Ordinal);
    }

    /// <summary>Counts how often a text has each letter.</summary>
    private sealed class LetterCounts : IEmbeddingGenerator<string, Embedding<float>>
    {
        public int Calls { get; private set; }

        public Func<Task> BeforeAnswer { get; set; } = () => Task.CompletedTask;

        public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values,
            EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
        {
            Calls++;
            await BeforeAnswer();
            return new GeneratedEmbeddings<Embedding<float>>(values.Select(text => new Embedding<float>(
                Enumerable.Range(0, 26).Select(letter => (float)text.Count(c => c == 'a' + letter)).ToArray())));
        }

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose() { }
    }
}
