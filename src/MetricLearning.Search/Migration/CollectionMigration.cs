using Microsoft.Extensions.VectorData;

namespace MetricLearning.Search;

/// <summary>Embeds the records of a collection again with another model, into a second collection.</summary>
/// <remarks>
/// <para>The first collection is only read, so it can be searched meanwhile. If a migration was stopped or its program was killed, call
/// <c>RunAsync</c> again with the same collections. It continues, and embeds only the records that the second collection does not have yet.
/// At the end the second collection has exactly the keys of the first. Then switch over with a <see cref="CollectionAlias"/>.</para>
/// <para>A record that is written to the first collection after it was copied is not copied again. So nobody should write meanwhile, or
/// writers should write to both collections.</para>
/// <para>Thread safety: any number of threads may call it at once, for different second collections.</para>
/// </remarks>
public static class CollectionMigration
{
    /// <summary>Copies the missing records, with new vectors.</summary>
    /// <typeparam name="TKey">The type of keys.</typeparam>
    /// <typeparam name="TRecord">The type of records.</typeparam>
    /// <param name="from">The first collection.</param>
    /// <param name="to">The second collection, of a store with the new embedding space and the new model's
    /// <see cref="GalleryCanaries"/>. It is created if it does not exist. If another model has begun it, it is refused.</param>
    /// <param name="key">Gives the key of a record.</param>
    /// <param name="embed">Sets the new vectors of a batch of records. The records come without vectors. It leaves the keys as they
    /// are.</param>
    /// <param name="batch">The number of records that are embedded and written at once, at least 1. Default: 256.</param>
    /// <param name="progress">Receives the number of records of the second collection that are done, including those of earlier runs.
    /// Default: null, no reports.</param>
    /// <param name="cancellationToken">Stops the migration after a batch.</param>
    /// <returns>The number of records that were embedded; the others already existed.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">Both collections are the same one. Of stores of other libraries only the same object is
    /// noticed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The batch is below 1.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="embed"/> changed a key. The records of its batch are not
    /// written.</exception>
    /// <exception cref="VectorStoreException">The first collection does not exist; then the second one is not created. Or a store
    /// fails.</exception>
    /// <exception cref="OperationCanceledException">The migration was stopped. The next call continues it.</exception>
    public static async Task<long> RunAsync<TKey, TRecord>(VectorStoreCollection<TKey, TRecord> from,
        VectorStoreCollection<TKey, TRecord> to, Func<TRecord, TKey> key, Func<IReadOnlyList<TRecord>, CancellationToken, Task> embed,
        int batch = 256, IProgress<long>? progress = null, CancellationToken cancellationToken = default)
        where TKey : notnull where TRecord : class
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(embed);
        Guard.AtLeast(batch, 1);
        if (ReferenceEquals(from, to) || (PlaceOf(from) is { } place && place.Equals(PlaceOf(to))))
            throw new ArgumentException($"to must be another collection than from, got '{to.Name}' for both.", nameof(to));
        // A mistake in the name of the first collection must not create the second one.
        if (!await from.CollectionExistsAsync(cancellationToken).ConfigureAwait(false))
            throw new VectorStoreException($"The collection '{from.Name}' does not exist, so nothing can be migrated from it.")
            {
                CollectionName = from.Name,
            };
        await to.EnsureCollectionExistsAsync(cancellationToken).ConfigureAwait(false);
        var there = new HashSet<TKey>();
        await foreach (var record in AllAsync(to).WithCancellation(cancellationToken).ConfigureAwait(false)) there.Add(key(record));
        var (given, waiting, made, done) = (new HashSet<TKey>(), new List<TRecord>(batch), 0L, 0L);
        await foreach (var record in AllAsync(from).WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            given.Add(key(record));
            if (there.Contains(key(record))) done++;
            else waiting.Add(record);
            if (waiting.Count == batch) await WriteAsync().ConfigureAwait(false);
        }
        await WriteAsync().ConfigureAwait(false);
        there.ExceptWith(given);
        if (there.Count > 0) await to.DeleteAsync(there, cancellationToken).ConfigureAwait(false);
        return made;

        async Task WriteAsync()
        {
            if (waiting.Count == 0) return;
            cancellationToken.ThrowIfCancellationRequested();
            TKey[] keys = [.. waiting.Select(key)];
            await embed(waiting, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < keys.Length; i++)
                if (!EqualityComparer<TKey>.Default.Equals(key(waiting[i]), keys[i]))
                    throw new InvalidOperationException($"embed must leave the keys as they are, got {key(waiting[i])} for {keys[i]}.");
            await to.UpsertAsync(waiting, cancellationToken).ConfigureAwait(false);
            (made, done) = (made + waiting.Count, done + waiting.Count);
            waiting.Clear();
            progress?.Report(done);
        }
    }

    /// <summary>Where the records of a collection are; null if its store is not of this library.</summary>
    private static object? PlaceOf<TKey, TRecord>(VectorStoreCollection<TKey, TRecord> collection)
        where TKey : notnull where TRecord : class => (collection.GetService(typeof(IKnowsPlace)) as IKnowsPlace)?.Place;

    private static IAsyncEnumerable<TRecord> AllAsync<TKey, TRecord>(VectorStoreCollection<TKey, TRecord> collection)
        where TKey : notnull where TRecord : class => collection.GetAsync(_ => true, int.MaxValue);
}
