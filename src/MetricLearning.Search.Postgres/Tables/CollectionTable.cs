using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>Creates, writes and reads the table of one collection. Each change is one transaction.</summary>
/// <param name="name">The name of the collection.</param>
/// <param name="columns">The columns.</param>
/// <param name="server">The server.</param>
/// <param name="collections">The list of collections.</param>
/// <param name="space">The embedding space of the program; null if it is not known.</param>
/// <param name="canaries">The canaries of the program; null if it has none.</param>
internal sealed class CollectionTable<TKey, TRecord>(string name, RecordColumns<TKey, TRecord> columns, PostgresServer server,
    CollectionList collections, EmbeddingSpace? space, GalleryCanaries? canaries) where TKey : notnull where TRecord : class
{
    /// <summary>The number of records that are sent at once. All records of a call are one transaction.</summary>
    private const int Part = 1000;

    /// <summary>The number of the collection whose canaries are known to be of this program's model. The canaries of a collection never
    /// change.</summary>
    private long compared;

    /// <summary>The quoted name of the table.</summary>
    public string Table { get; } = collections.Of(name);

    /// <summary>Creates the table, its parts and its indexes if they do not exist. If nothing is missing, nothing is written. So database
    /// users who cannot create tables can call it, and so can programs that are connected to a standby server.</summary>
    public async Task EnsureAsync(int partitions, CancellationToken cancellationToken)
    {
        if (!await server.UseAsync("create", connection => IsCompleteAsync(connection, cancellationToken), cancellationToken)
            .ConfigureAwait(false))
            await CreateAsync(partitions, cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> IsCompleteAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (await ScalarAsync(connection, collections.HasCanaries, cancellationToken).ConfigureAwait(false) is false
            || await FindAsync(connection, locks: false, cancellationToken).ConfigureAwait(false) is not { } entry
            || entry.Agreed != entry.Space || (canaries is not null && !entry.HasCanaries)) return false;
        string[] indexes = [.. columns.Indexes(Table).Select(index => CollectionList.IndexOf(entry.Id, index.Suffix))];
        return indexes.Length == 0 || indexes.LongLength.Equals(
            await ScalarAsync(connection, collections.CountIndexes(indexes), cancellationToken).ConfigureAwait(false));
    }

    private Task<bool> CreateAsync(int partitions, CancellationToken cancellationToken) => ChangeAsync("create", async connection =>
    {
        // Another program may hold the lock while it builds an index.
        await RunAsync(connection, [new(CollectionList.Lock)], cancellationToken, takesLong: true).ConfigureAwait(false);
        await RunAsync(connection, [new(CollectionList.LoadVectors), new(collections.Create)], cancellationToken).ConfigureAwait(false);
        if (await ScalarAsync(connection, collections.HasCanaries, cancellationToken).ConfigureAwait(false) is false)
            await RunAsync(connection, [new(collections.AddColumn)], cancellationToken).ConfigureAwait(false);
        if (await FindAsync(connection, locks: true, cancellationToken).ConfigureAwait(false) is not { } entry)
        {
            var agreed = StoredSpace.Agreed(space, "", name);
            var added = await ScalarAsync(connection, collections.Add(name, columns.Schema, agreed), cancellationToken)
                .ConfigureAwait(false);
            entry = ((long)added!, agreed, agreed, false);
            var divided = partitions > 0 ? $" PARTITION BY HASH ({columns.Key})" : "";
            await RunAsync(connection, [new($"CREATE TABLE {Table} ({columns.Definition}, PRIMARY KEY ({columns.Key})){divided}"),
                .. Enumerable.Range(0, partitions).Select(part => new NpgsqlBatchCommand(
                    $"CREATE TABLE {collections.PartOf(entry.Id, part)} PARTITION OF {Table} "
                    + $"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part})"))], cancellationToken).ConfigureAwait(false);
        }
        if (entry.Agreed != entry.Space)
            await RunAsync(connection, [collections.Update(name, entry.Agreed)], cancellationToken).ConfigureAwait(false);
        if (canaries is not null && !entry.HasCanaries)
            await RunAsync(connection, [collections.AddCanaries(name, canaries.ToJson())], cancellationToken).ConfigureAwait(false);
        await RunAsync(connection, [.. columns.Indexes(Table).Select(index => new NpgsqlBatchCommand(
            $"CREATE INDEX IF NOT EXISTS {SqlNames.Quoted(CollectionList.IndexOf(entry.Id, index.Suffix))} ON {index.On}"))],
            cancellationToken, takesLong: true).ConfigureAwait(false);
    }, cancellationToken);

    /// <summary>Writes records. A record replaces the one with the same key. If it throws, none is written.</summary>
    public Task WriteAsync(IReadOnlyList<StoredRecord<TKey, TRecord>> records, CancellationToken cancellationToken)
    {
        // All writers lock rows in the same order, so they cannot deadlock.
        StoredRecord<TKey, TRecord>[] ordered = [.. records.OrderBy(record => record.Key, KeyOrder<TKey>.Default!)];
        var insert = $"INSERT INTO {Table} ({columns.Names}) VALUES ({columns.Parameters}) ON CONFLICT ({columns.Key}) DO "
            + (columns.Updates.Length > 0 ? $"UPDATE SET {columns.Updates}" : "NOTHING");
        return ChangeAsync("upsert", async connection =>
        {
            var (_, _, agreed, _) = await FindAsync(connection, locks: true, cancellationToken).ConfigureAwait(false) ?? throw Missing();
            columns.Model.CheckLengths(records, agreed);
            foreach (var part in ordered.Chunk(Part))
                await RunAsync(connection, [.. part.Select(record =>
                {
                    var command = new NpgsqlBatchCommand(insert);
                    foreach (var parameter in columns.ParametersOf(record)) command.Parameters.Add(parameter);
                    return command;
                })], cancellationToken).ConfigureAwait(false);
        }, cancellationToken);
    }

    /// <summary>Removes records. If it throws, none is removed.</summary>
    public Task RemoveAsync(IReadOnlyCollection<TKey> keys, CancellationToken cancellationToken) => ChangeAsync("delete",
        async connection =>
        {
            if (await FindAsync(connection, locks: true, cancellationToken).ConfigureAwait(false) is null) throw Missing();
            await RunAsync(connection, [new($"DELETE FROM {Table} WHERE {columns.Key} = ANY($1)")
            {
                Parameters = { columns.KeysParameter(keys) },
            }], cancellationToken).ConfigureAwait(false);
        }, cancellationToken);

    /// <summary>The canaries of the collection; null if it has none.</summary>
    public Task<GalleryCanaries?> CanariesAsync(CancellationToken cancellationToken) => server.UseAsync("get", async connection =>
    {
        var found = await FindAsync(connection, locks: false, cancellationToken).ConfigureAwait(false);
        var (id, _, _, _) = found ?? throw Missing();
        return await ScalarAsync(connection, collections.Canaries(id), cancellationToken).ConfigureAwait(false) is string stored
            ? StoredCanaries.Read(stored, name) : null;
    }, cancellationToken);

    /// <summary>Reads the rows of some commands in one call.</summary>
    /// <param name="operation">The name of the operation in exceptions.</param>
    /// <param name="commands">Makes the commands, each with its own parameters.</param>
    /// <param name="settings">Settings of the server for this call.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <returns>The rows of each command.</returns>
    public Task<List<T>[]> ReadAsync<T>(string operation, Func<IReadOnlyList<NpgsqlBatchCommand>> commands,
        IReadOnlyList<(string Name, string Value)> settings, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        server.UseAsync(operation, async connection =>
        {
            var batch = new NpgsqlBatch(connection) { BatchCommands = { collections.Find(name, canaries is not null, locks: false) } };
            await using var disposing = batch.ConfigureAwait(false);
            foreach (var (setting, value) in settings) batch.BatchCommands.Add(Setting(setting, value));
            var given = commands();
            foreach (var command in given) batch.BatchCommands.Add(command);
            var lists = new List<T>[given.Count];
            var (id, hasCanaries) = (0L, false);
            VectorStoreException? refusal = null;
            try
            {
                var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using var closing = reader.ConfigureAwait(false);
                refusal = await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
                    ? CollectionList.Refusal(reader, name, columns.Schema, space) : Missing();
                if (refusal is not null) throw refusal;
                (id, hasCanaries) = (reader.GetInt64(0), reader.GetBoolean(4));
                for (var i = 0; i < settings.Count; i++) await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                for (var i = 0; i < lists.Length; i++)
                {
                    await reader.NextResultAsync(cancellationToken).ConfigureAwait(false);
                    lists[i] = [];
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) lists[i].Add(read(reader));
                }
            }
            catch (PostgresException) when (refusal is not null)
            {
                // The following commands failed too, because the collection is not as they expect.
                throw refusal;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                throw Missing(e);
            }
            if (hasCanaries) await CompareAsync(connection, id, cancellationToken).ConfigureAwait(false);
            return lists;
        }, cancellationToken);

    /// <summary>Makes the exception for a collection that does not exist.</summary>
    public VectorStoreException Missing(Exception? inner = null) =>
        new($"The collection '{name}' does not exist; call EnsureCollectionExistsAsync first.", inner)
        {
            CollectionName = name,
            VectorStoreSystemName = PostgresServer.SystemName,
        };

    /// <summary>Makes a command for a setting. It ends with the call, because a batch is a transaction.</summary>
    private static NpgsqlBatchCommand Setting(string setting, string value) => new("SELECT set_config($1, $2, true)")
    {
        Parameters = { ColumnType.Of(typeof(string)).Parameter(setting), ColumnType.Of(typeof(string)).Parameter(value) },
    };

    private Task<bool> ChangeAsync(string operation, Func<NpgsqlConnection, Task> act, CancellationToken cancellationToken) =>
        server.UseAsync(operation, async connection =>
        {
            var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            await using var ending = transaction.ConfigureAwait(false);
            try
            {
                await act(connection).ConfigureAwait(false);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
            {
                throw Missing(e);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DuplicateTable)
            {
                throw new VectorStoreException($"The schema already has a table '{name}', which is not of this library; choose another "
                    + "name or another schema.", e) { CollectionName = name };
            }
            // If the wait for the answer were canceled, nobody would know whether the server has committed.
            await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
            return true;
        }, cancellationToken);

    private async Task<(long Id, string Space, string Agreed, bool HasCanaries)?> FindAsync(NpgsqlConnection connection, bool locks,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { BatchCommands = { collections.Find(name, canaries is not null, locks) } };
        await using var disposing = batch.ConfigureAwait(false);
        var reader = await batch.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var closing = reader.ConfigureAwait(false);
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) return null;
        var entry = CollectionList.Check(reader, name, columns.Schema, space);
        await reader.CloseAsync().ConfigureAwait(false);
        if (entry.HasCanaries) await CompareAsync(connection, entry.Id, cancellationToken).ConfigureAwait(false);
        return entry;
    }

    /// <summary>Refuses a collection that has canaries and that another model has filled.</summary>
    private async Task CompareAsync(NpgsqlConnection connection, long id, CancellationToken cancellationToken)
    {
        if (canaries is null || Volatile.Read(ref compared) == id) return;
        var stored = await ScalarAsync(connection, collections.Canaries(id), cancellationToken).ConfigureAwait(false);
        // Nothing is stored if the collection was deleted since its entry was read.
        if (stored is not string json) return;
        StoredCanaries.Check(canaries, json, name);
        Volatile.Write(ref compared, id);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, NpgsqlBatchCommand command,
        CancellationToken cancellationToken)
    {
        var batch = new NpgsqlBatch(connection) { BatchCommands = { command } };
        await using var disposing = batch.ConfigureAwait(false);
        return await batch.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs commands in one call.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="commands">The commands.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    /// <param name="takesLong">Whether they may take longer than the <c>Command Timeout</c> of the connection string.</param>
    private static async Task RunAsync(NpgsqlConnection connection, IReadOnlyCollection<NpgsqlBatchCommand> commands,
        CancellationToken cancellationToken, bool takesLong = false)
    {
        if (commands.Count == 0) return;
        var batch = new NpgsqlBatch(connection);
        if (takesLong) batch.Timeout = 0;
        await using var disposing = batch.ConfigureAwait(false);
        foreach (var command in commands) batch.BatchCommands.Add(command);
        await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
