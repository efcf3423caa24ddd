using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search.Tests;

/// <summary>A record with values of many types.</summary>
public sealed class Item
{
    [VectorStoreKey]
    public int Id { get; set; }

    [VectorStoreData]
    public string? Name { get; set; }

    [VectorStoreData]
    public int Size { get; set; }

    [VectorStoreData]
    public long? Count { get; set; }

    [VectorStoreData]
    public double Price { get; set; }

    [VectorStoreData]
    public bool Sold { get; set; }

    [VectorStoreData]
    public bool? Checked { get; set; }

    [VectorStoreData]
    public DateTimeOffset Since { get; set; }

    [VectorStoreData]
    public Guid Group { get; set; }

    [VectorStoreData(StorageName = "words")]
    public string[]? Tags { get; set; }

    [VectorStoreData]
    public List<string> Colors { get; set; } = [];

    [VectorStoreVector(4)]
    public ReadOnlyMemory<float> Vector { get; set; }

    [VectorStoreVector(2, DistanceFunction = DistanceFunction.EuclideanDistance)]
    public float[]? Place { get; set; }

    /// <summary>Not a part of the record.</summary>
    public string? Ignored { get; set; }

    /// <summary>Returns twenty records. Some of their values are null.</summary>
    public static Item[] All => [.. Enumerable.Range(0, 20).Select(i => new Item
    {
        Id = i,
        Name = i % 7 == 3 ? null : $"item {(char)('a' + i % 5)}",
        Size = i % 4 - 1,
        Count = i % 3 == 0 ? null : i * 10_000_000_000L,
        Price = i * 1.5 - 3,
        Sold = i % 2 == 0,
        Checked = i % 3 == 0 ? null : i % 3 == 1,
        Since = new DateTimeOffset(2026, 1 + i % 12, 1, 12, 0, 0, TimeSpan.FromHours(i % 3)),
        Group = GroupOf(i % 3),
        Tags = i % 5 == 4 ? null : [.. Words.Take(i % 4)],
        Colors = [.. Words.Skip(i % 3)],
        Vector = new[] { i + 1f, (i * 7 % 5) - 2f, (i * 3 % 11) - 5f, 1 },
        Place = i % 6 == 5 ? null : [i, -i],
        Ignored = "never kept",
    })];

    public static string[] Words { get; } = ["red", "green", "blue"];

    public static Guid GroupOf(int number) => new(number + 1, 0, 0, new byte[8]);
}
