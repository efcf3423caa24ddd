namespace MetricLearning.Search;

/// <summary>The records of a collection, as one call sees them.</summary>
/// <remarks>Thread safety: one thread at a time. A search uses several threads of its own.</remarks>
internal abstract class RecordView<TKey, TRecord> : IDisposable where TKey : notnull where TRecord : class
{
    /// <summary>The record of a key; null where there is none.</summary>
    public abstract TRecord? Find(TKey key, bool withVectors);

    /// <summary>The keys and values of all records.</summary>
    public abstract IEnumerable<KeyValuePair<TKey, TRecord>> All();

    /// <summary>A copy of a record for the caller.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="values">Its values, as this view gave them.</param>
    /// <param name="withVectors">Whether it gets its vectors.</param>
    public abstract TRecord Shown(TKey key, TRecord values, bool withVectors);

    /// <summary>The nearest records to each query, with their scores as <see cref="RowShape.Score"/> gives them.</summary>
    /// <param name="vector">The number of the vector property.</param>
    /// <param name="queries">The queries.</param>
    /// <param name="k">How many records each query gets, if there are so many.</param>
    /// <param name="keeps">Which records may be given; null for all.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public abstract FoundRow<TKey, TRecord>[][] Search(int vector, IReadOnlyList<ReadOnlyMemory<float>> queries, int k,
        Func<TRecord, bool>? keeps, CancellationToken cancellationToken);

    /// <summary>Ends the view.</summary>
    public virtual void Dispose()
    {
    }
}
