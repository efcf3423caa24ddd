namespace MetricLearning.Search;

/// <summary>A record that a search has found, with its score by <see cref="RowShape.Score"/>.</summary>
internal sealed record FoundRow<TKey, TRecord>(TKey Key, TRecord Record, double Score);

/// <summary>The records of a collection that one call sees.</summary>
/// <remarks>Thread safety: one thread at a time. A search uses several threads of its own.</remarks>
internal abstract class RecordView<TKey, TRecord> : IDisposable where TKey : notnull where TRecord : class
{
    /// <summary>The record of a key; null if there is none.</summary>
    public abstract TRecord? Find(TKey key, bool withVectors);

    /// <summary>The keys and values of all records.</summary>
    public abstract IEnumerable<KeyValuePair<TKey, TRecord>> All();

    /// <summary>Makes a copy of a record for the caller.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="values">Its values, as this view gave them.</param>
    /// <param name="withVectors">Whether it gets its vectors.</param>
    public abstract TRecord Shown(TKey key, TRecord values, bool withVectors);

    /// <summary>Finds the nearest records to each query, with the scores of <see cref="RowShape.Score"/>.</summary>
    /// <param name="vector">The number of the vector property.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="name">The name of the argument that holds the queries.</param>
    /// <param name="k">The number of records for each query; fewer if there are fewer.</param>
    /// <param name="condition">The condition on records; null for all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public abstract FoundRow<TKey, TRecord>[][] Search(int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, string name, int k,
        RecordCondition<TRecord>? condition, CancellationToken cancellationToken);

    /// <summary>Ends the view.</summary>
    public virtual void Dispose()
    {
    }
}
