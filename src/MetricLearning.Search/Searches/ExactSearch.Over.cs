using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Makes searches over any vector store. They score its answers exactly.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
public static class ExactSearch
{
    /// <summary>Makes a search over a collection of any vector store: one of this library, or any connector for
    /// Microsoft.Extensions.VectorData.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="collection">The collection.</param>
    /// <param name="key">Returns the key of a record.</param>
    /// <param name="vector">Returns the vector of a record.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The key type has no default order.</exception>
    public static ExactSearch<TKey, TRecord> Over<TKey, TRecord>(VectorStoreCollection<TKey, TRecord> collection, Func<TRecord, TKey> key,
        Func<TRecord, ReadOnlyMemory<float>> vector) where TKey : notnull where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(collection);
        return new ExactSearch<TKey, TRecord>([collection], key, vector);
    }

    /// <summary>Makes a search over several collections as if they were one. They are the shards of one gallery, possibly on several
    /// servers.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="collections">The collections, at least one. No key is in two of them.</param>
    /// <param name="key">Returns the key of a record.</param>
    /// <param name="vector">Returns the vector of a record.</param>
    /// <exception cref="ArgumentNullException">An argument, or a collection, is null.</exception>
    /// <exception cref="ArgumentException">There is no collection, the key type has no default order, or the collections compare by
    /// different metrics.</exception>
    public static ExactSearch<TKey, TRecord> Over<TKey, TRecord>(IEnumerable<VectorStoreCollection<TKey, TRecord>> collections,
        Func<TRecord, TKey> key, Func<TRecord, ReadOnlyMemory<float>> vector) where TKey : notnull where TRecord : class =>
        new(collections, key, vector);
}
