using System.Collections.Concurrent;
using System.Security.Cryptography;
using MetricLearning;
using MetricLearning.Search;
using MetricLearning.Vision;
using SkiaSharp;

namespace ProductSearch;

/// <summary>A product that can be found.</summary>
/// <param name="Id">Its key.</param>
/// <param name="Name">Its name.</param>
/// <param name="Tags">What it can be filtered by.</param>
/// <param name="Pictures">How many pictures of it there are; each has a vector.</param>
internal sealed record Item(string Id, string Name, IReadOnlyList<string> Tags, int Pictures);

/// <summary>An item that a search has found.</summary>
/// <param name="Item">The item.</param>
/// <param name="Score">The cosine of the angle between the query and the nearest picture of the item, in [−1, 1].</param>
internal readonly record struct Found(Item Item, double Score);

/// <summary>The products, their pictures for the page, and the index of their vectors. Any number of threads may search while one
/// adds.</summary>
/// <param name="dimension">Numbers in a vector.</param>
/// <param name="folder">Where the pictures for the page are kept.</param>
internal sealed class Catalogue(int dimension, DirectoryInfo folder)
{
    /// <summary>The longest side of the pictures that the page shows.</summary>
    private const int ShownSide = 320;

    /// <summary>The most pictures of one item; a search looks at so many rows for each item that it gives.</summary>
    public const int MostPictures = 4;

    private readonly ExactIndex<string> index = new(dimension, SearchMetric.Cosine);
    private readonly ConcurrentDictionary<string, Item> items = new(StringComparer.Ordinal);

    public int Count => items.Count;

    public IReadOnlyList<string> Tags => [.. items.Values.SelectMany(item => item.Tags).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The key of a picture: equal pictures have equal keys.</summary>
    public static string KeyOf(ReadOnlySpan<byte> picture) => Convert.ToHexStringLower(SHA256.HashData(picture))[..20];

    public Item? Find(string id) => items.GetValueOrDefault(id);

    /// <summary>The file with the picture of an item that the page shows.</summary>
    public string PictureOf(Item item) => Path.Combine(folder.FullName, item.Id + ".jpg");

    /// <summary>Adds items with their vectors, or replaces those that have their keys.</summary>
    public void Add(IReadOnlyList<(Item Item, IReadOnlyList<float[]> Vectors)> added)
    {
        foreach (var (item, _) in added) items[item.Id] = item;
        index.Upsert(added.SelectMany(pair => pair.Vectors.Select((vector, number) =>
            new SearchRow<string>($"{pair.Item.Id}/{number}", vector, new RowLabels { Tags = pair.Item.Tags }))));
    }

    /// <summary>The items nearest to a vector, each once.</summary>
    public IReadOnlyList<Found> Search(float[] query, int count, string? tag = null, Item? besides = null)
    {
        var rows = (count + (besides is null ? 0 : 1)) * MostPictures;
        return [.. index.Search(query, rows, tag is null ? null : SearchFilter<string>.Tag(tag))
            .Select(hit => new Found(items[hit.Key[..hit.Key.IndexOf('/')]], hit.Score))
            .DistinctBy(found => found.Item.Id).Where(found => found.Item.Id != besides?.Id).Take(count)];
    }

    /// <summary>The items most like another one.</summary>
    public IReadOnlyList<Found> Like(Item item, int count, string? tag = null) =>
        Search(index.Find($"{item.Id}/0")!.Vector.ToArray(), count, tag, besides: item);

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
