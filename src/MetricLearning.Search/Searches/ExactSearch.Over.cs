using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Makes searches that use any vector store and score its answers exactly.</summary>
/// <remarks>Thread safety: any number of threads may call it at once.</remarks>
public static class ExactSearch
{
    /// <summary>Searches a collection of any vector store: one of ours, or one of the connectors of
    /// Microsoft.Extensions.VectorData.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="collection">The collection.</param>
    /// <param name="key">Gives the key of a record.</param>
    /// <param name="vector">Gives the vector of a record.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">The keys have no order of their own.</exception>
    public static ExactSearch<TKey, TRecord> Over<TKey, TRecord>(VectorStoreCollection<TKey, TRecord> collection, Func<TRecord, TKey> key,
        Func<TRecord, ReadOnlyMemory<float>> vector) where TKey : notnull where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(collection);
        return Over([collection], key, vector);
    }

    /// <summary>Searches several collections as one. They hold the parts (shards) of one gallery, perhaps on several servers.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="collections">The collections, at least one. No key is in two of them.</param>
    /// <param name="key">Gives the key of a record.</param>
    /// <param name="vector">Gives the vector of a record.</param>
    /// <exception cref="ArgumentNullException">An argument, or a collection, is null.</exception>
    /// <exception cref="ArgumentException">There is no collection, or the keys have no order of their own.</exception>
    public static ExactSearch<TKey, TRecord> Over<TKey, TRecord>(IEnumerable<VectorStoreCollection<TKey, TRecord>> collections,
        Func<TRecord, TKey> key, Func<TRecord, ReadOnlyMemory<float>> vector) where TKey : notnull where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(collections);
        return new ExactSearch<TKey, TRecord>([.. collections.Select(part => Guard.NotNull(part, nameof(collections)))],
            Guard.NotNull(key), Guard.NotNull(vector));
    }
}
