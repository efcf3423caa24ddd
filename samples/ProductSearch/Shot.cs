using Microsoft.Extensions.VectorData;

namespace ProductSearch;

/// <summary>A picture of an item and its vector, as the database keeps them.</summary>
internal sealed class Shot
{
    /// <summary>The key of the item, a slash, and the number of the picture.</summary>
    [VectorStoreKey] public string Id { get; set; } = "";

    /// <summary>The key of the item.</summary>
    [VectorStoreData] public string Item { get; set; } = "";

    /// <summary>The name of the item.</summary>
    [VectorStoreData] public string Name { get; set; } = "";

    /// <summary>The tags by which the item can be filtered.</summary>
    [VectorStoreData] public List<string> Tags { get; set; } = [];

    /// <summary>The number of pictures of the item.</summary>
    [VectorStoreData] public int Pictures { get; set; }

    /// <summary>The vector of the picture.</summary>
    [VectorStoreVector(ProductNetwork.Dimension)] public ReadOnlyMemory<float> Vector { get; set; }

    /// <summary>The key of a picture of an item.</summary>
    public static string Key(Item item, int number) => $"{item.Id}/{number}";

    /// <summary>The item that the picture shows.</summary>
    public Item ToItem() => new(Item, Name, Tags, Pictures);
}
