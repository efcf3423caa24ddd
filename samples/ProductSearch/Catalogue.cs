using System.Collections.Concurrent;
using System.Security.Cryptography;
using MetricLearning;
using MetricLearning.Vision;
using Microsoft.Extensions.VectorData;
using SkiaSharp;

namespace ProductSearch;

/// <summary>A product that can be found.</summary>
/// <param name="Id">Its key.</param>
/// <param name="Name">Its name.</param>
/// <param name="Tags">The tags by which it can be filtered.</param>
/// <param name="Pictures">The number of its pictures. Each picture has a vector.</param>
internal sealed record Item(string Id, string Name, IReadOnlyList<string> Tags, int Pictures);

/// <summary>An item that a search has found.</summary>
/// <param name="Item">The item.</param>
/// <param name="Score">The cosine of the angle between the query and the nearest picture of the item, in [−1, 1].</param>
internal readonly record struct Found(Item Item, double Score);

/// <summary>Holds the products, their pictures for the page, and their vectors. Any number of threads may search while one thread
/// adds.</summary>
internal sealed class Catalogue
{
    /// <summary>The longest side of the pictures that the page shows.</summary>
    private const int ShownSide = 320;

    /// <summary>The greatest number of pictures of one item. A search reads this number of rows for each item that it returns.</summary>
    public const int MostPictures = 4;

    private readonly VectorStoreCollection<string, Shot> shots;
    private readonly DirectoryInfo folder;
    private readonly ConcurrentDictionary<string, Item> items = new(StringComparer.Ordinal);

    private Catalogue(VectorStoreCollection<string, Shot> shots, DirectoryInfo folder) => (this.shots, this.folder) = (shots, folder);

    public int Count => items.Count;

    /// <summary>All items at this moment.</summary>
    public ICollection<Item> Items => items.Values;

    public IReadOnlyList<string> Tags => [.. items.Values.SelectMany(item => item.Tags).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Opens the catalogue of a collection. It creates the collection if it does not exist.</summary>
    /// <param name="shots">The collection.</param>
    /// <param name="folder">The folder of the pictures for the page.</param>
    public static async Task<Catalogue> OpenAsync(VectorStoreCollection<string, Shot> shots, DirectoryInfo folder)
    {
        await shots.EnsureCollectionExistsAsync();
        var catalogue = new Catalogue(shots, folder);
        await foreach (var shot in shots.GetAsync(_ => true, int.MaxValue)) catalogue.items[shot.Item] = shot.ToItem();
        return catalogue;
    }

    /// <summary>The key of a picture: equal pictures have equal keys.</summary>
    public static string KeyOf(ReadOnlySpan<byte> picture) => Convert.ToHexStringLower(SHA256.HashData(picture))[..20];

    public Item? Find(string id) => items.GetValueOrDefault(id);

    /// <summary>The file with the picture of an item that the page shows.</summary>
    public string PictureOf(Item item) => Path.Combine(folder.FullName, item.Id + ".jpg");

    /// <summary>Adds items with their vectors, and replaces items with the same keys. If it throws, it has added none.</summary>
    public async Task AddAsync(IReadOnlyList<(Item Item, IReadOnlyList<float[]> Vectors)> added)
    {
        await shots.UpsertAsync(added.SelectMany(pair => pair.Vectors.Select((vector, number) => new Shot
        {
            Id = Shot.Key(pair.Item, number), Item = pair.Item.Id, Name = pair.Item.Name, Tags = [.. pair.Item.Tags],
            Pictures = pair.Item.Pictures, Vector = vector,
        })));
        foreach (var (item, _) in added) items[item.Id] = item;
    }

    /// <summary>Removes items. Their pictures for the page stay in the folder.</summary>
    public async Task RemoveAsync(IReadOnlyList<Item> removed)
    {
        await shots.DeleteAsync(removed.SelectMany(item => Enumerable.Range(0, item.Pictures).Select(number => Shot.Key(item, number))));
        foreach (var item in removed) items.TryRemove(item.Id, out _);
    }

    /// <summary>Finds the items nearest to a vector. Each item is returned once.</summary>
    public async Task<IReadOnlyList<Found>> SearchAsync(ReadOnlyMemory<float> query, int count, string? tag = null, Item? besides = null)
    {
        var rows = (count + (besides is null ? 0 : 1)) * MostPictures;
        var options = new VectorSearchOptions<Shot>();
        if (tag is not null) options.Filter = shot => shot.Tags.Contains(tag);
        var found = await shots.SearchAsync(query, rows, options).ToListAsync();
        return [.. found.Select(hit => new Found(hit.Record.ToItem(), hit.Score!.Value))
            .DistinctBy(item => item.Item.Id).Where(item => item.Item.Id != besides?.Id).Take(count)];
    }

    /// <summary>Finds the items most similar to another item.</summary>
    public async Task<IReadOnlyList<Found>> LikeAsync(Item item, int count, string? tag = null)
    {
        var shot = await shots.GetAsync(Shot.Key(item, 0), new RecordRetrievalOptions { IncludeVectors = true });
        return shot is null ? [] : await SearchAsync(shot.Vector, count, tag, besides: item);
    }

    /// <summary>Writes the picture of an item that the page shows, small enough for a list.</summary>
    public void Show(Item item, Picture picture)
    {
        var scale = Math.Min(1, (double)ShownSide / Math.Max(picture.Width, picture.Height));
        using var whole = Pictures.Image(picture);
        using var small = new SKBitmap(whole.Info.WithSize(
            Math.Max(1, (int)(picture.Width * scale)), Math.Max(1, (int)(picture.Height * scale))));
        whole.ScalePixels(small.PeekPixels(), new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        using var data = small.Encode(SKEncodedImageFormat.Jpeg, 88);
        AtomicFile.Write(PictureOf(item), stream => data.SaveTo(stream));
    }
}
