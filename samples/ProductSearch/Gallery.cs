using MetricLearning;
using MetricLearning.Search;
using MetricLearning.Vision;
using Microsoft.Extensions.VectorData;

namespace ProductSearch;

/// <summary>The database of the program: the catalogue of one network, and the decisions that interpret its scores.</summary>
/// <remarks>The names of a network's collections contain its fingerprint. The store refuses collections of another network: it compares the
/// embedding space, and the network's vectors of a few fixed pictures. A new network fills collections of its own and leaves the old ones
/// in place. The old ones are deleted when the new ones are complete, so a program that is stopped in between continues at its next
/// start.</remarks>
internal sealed class Gallery : IDisposable
{
    private const string ProductsOf = "products-", DecisionsOf = "decisions-";
    private const int FingerprintDigits = 16, AtOnce = 32;

    private readonly string path, fingerprint;
    private readonly DirectoryInfo pictures;
    private readonly SqliteVectorStore store;

    /// <param name="data">The folder of the database and the pictures.</param>
    /// <param name="space">The embedding space of the network.</param>
    /// <param name="canaries">The network's vectors of a few fixed pictures.</param>
    public Gallery(DirectoryInfo data, EmbeddingSpace space, GalleryCanaries canaries)
    {
        path = Path.Combine(data.FullName, "catalogue.db");
        fingerprint = space.Fingerprint![..FingerprintDigits];
        pictures = data.CreateSubdirectory("pictures");
        store = new SqliteVectorStore(path) { EmbeddingSpace = space, Canaries = canaries };
    }

    /// <summary>The catalogue of the network. It may be only partly filled.</summary>
    public Task<Catalogue> OpenAsync() =>
        Catalogue.OpenAsync(store.GetCollection<string, Shot>(ProductsOf + fingerprint), pictures);

    /// <summary>Embeds the pictures that were added under other networks, and then deletes the collections of those. A collection stays if
    /// it has an item whose picture cannot be read, so that nothing is lost.</summary>
    /// <param name="catalogue">The catalogue of this network.</param>
    /// <param name="embedder">The network.</param>
    /// <param name="report">Is called with the share that is done.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    /// <returns>The number of items whose picture cannot be read.</returns>
    public async Task<int> TakeOverAsync(Catalogue catalogue, Embedder embedder, Action<double> report, CancellationToken cancellationToken)
    {
        // This store has no embedding space, so it reads the items of any network.
        using var all = new SqliteVectorStore(path);
        var others = await all.ListCollectionNamesAsync(cancellationToken)
            .Where(name => !name.EndsWith(fingerprint, StringComparison.Ordinal)).ToListAsync(cancellationToken);
        var unread = 0;
        foreach (var name in others)
        {
            var left = name.StartsWith(ProductsOf, StringComparison.Ordinal) ? await EmbedAsync(name) : 0;
            if (left == 0) await all.EnsureCollectionDeletedAsync(name, cancellationToken);
            unread += left;
        }
        return unread;

        async Task<int> EmbedAsync(string name)
        {
            var old = await Catalogue.OpenAsync(all.GetCollection<string, Shot>(name), pictures);
            var wanted = old.Items.Where(item => !Startup.IsDrawn(item) && catalogue.Find(item.Id) is null).ToArray();
            var embedded = 0;
            for (var first = 0; first < wanted.Length; first += AtOnce)
            {
                cancellationToken.ThrowIfCancellationRequested();
                report((double)first / wanted.Length);
                var read = wanted.Skip(first).Take(AtOnce).Select(item => (Item: item, Picture: Read(catalogue.PictureOf(item))))
                    .Where(pair => pair.Picture is not null).ToArray();
                var vectors = embedder.Embed([.. read.Select(pair => pair.Picture!)]);
                await catalogue.AddAsync([.. read.Select((pair, i) => (pair.Item, (IReadOnlyList<float[]>)[vectors[i]]))]);
                embedded += read.Length;
            }
            return wanted.Length - embedded;
        }
    }

    /// <summary>Reads the decision that is stored under a name, or creates and stores a new one. If none can be created, none is stored,
    /// and the result is null.</summary>
    public async Task<MatchDecision?> DecisionAsync(string name, Func<Task<MatchDecision?>> make)
    {
        var decisions = store.GetCollection<string, KeptDecision>(DecisionsOf + fingerprint);
        await decisions.EnsureCollectionExistsAsync();
        if (await decisions.GetAsync(name) is { } kept) return MatchDecision.Parse(kept.Json);
        var made = await make();
        if (made is not null) await decisions.UpsertAsync(new KeptDecision { Name = name, Json = made.ToJson() });
        return made;
    }

    public void Dispose() => store.Dispose();

    /// <summary>Reads a picture; null if it is missing or damaged.</summary>
    private static Picture? Read(string file)
    {
        try
        {
            return Picture.Load(File.ReadAllBytes(file), Uploads.MaxPixels);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed class KeptDecision
    {
        [VectorStoreKey] public string Name { get; set; } = "";
        [VectorStoreData] public string Json { get; set; } = "";
    }
}
