using System.Globalization;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>A PostgreSQL server. After a transient error it retries a bounded number of times. All other errors become a
/// <see cref="VectorStoreException"/> that names the server.</summary>
internal sealed class PostgresServer
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = "metriclearning.postgres";

    /// <summary>The pause that doubling does not exceed.</summary>
    private static readonly TimeSpan longestPause = TimeSpan.FromMinutes(1);

    private readonly NpgsqlDataSource source;
    private object? closedBy;

    /// <param name="source">The connections.</param>
    public PostgresServer(NpgsqlDataSource source)
    {
        this.source = source;
        var parts = new NpgsqlConnectionStringBuilder(source.ConnectionString);
        // Without a name, the server takes the database with the name of the user.
        Place = string.Create(CultureInfo.InvariantCulture,
            $"PostgreSQL at {parts.Host}:{parts.Port}, database {parts.Database ?? parts.Username}");
    }

    /// <summary>The server and the database in words.</summary>
    public string Place { get; }

    /// <summary>The number of times that a call is retried.</summary>
    public int Retries { get; init; }

    /// <summary>The pause before the first retry. Each later one is twice as long, up to a minute.</summary>
    public TimeSpan RetryPause { get; init; }

    /// <summary>The pause before a retry.</summary>
    /// <param name="attempt">The number of retries before this one.</param>
    public TimeSpan PauseBefore(int attempt)
    {
        // After so many doublings every pause is longer than the longest one.
        const int Doublings = 30;
        if (RetryPause >= longestPause) return RetryPause;
        var pause = RetryPause * (1L << Math.Min(attempt, Doublings));
        return pause < longestPause ? pause : longestPause;
    }

    /// <summary>Refuses all further calls.</summary>
    /// <param name="owner">The store that was disposed. The error names it.</param>
    public void Close(object owner) => Volatile.Write(ref closedBy, owner);

    /// <summary>Refuses calls after the store was disposed. The owner of the connections may still use them.</summary>
    public void RequireOpen()
    {
        var owner = Volatile.Read(ref closedBy);
        ObjectDisposedException.ThrowIf(owner is not null, owner!);
    }

    /// <summary>Runs an action with a connection.</summary>
    /// <param name="operation">The name of the operation in exceptions.</param>
    /// <param name="act">The action. It is called again if the server failed, so it must be repeatable.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<T> UseAsync<T>(string operation, Func<NpgsqlConnection, Task<T>> act, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            RequireOpen();
            try
            {
                var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
                await using var closing = connection.ConfigureAwait(false);
                return await act(connection).ConfigureAwait(false);
            }
            catch (NpgsqlException e) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(e.Message, e, cancellationToken);
            }
            catch (NpgsqlException e) when (e.IsTransient && attempt < Retries)
            {
                await Task.Delay(PauseBefore(attempt), cancellationToken).ConfigureAwait(false);
            }
            catch (NpgsqlException e)
            {
                throw Failed(operation, e, attempt);
            }
        }
    }

    /// <summary>Turns an exception of the server into a <see cref="VectorStoreException"/>.</summary>
    /// <param name="operation">The name of the operation.</param>
    /// <param name="e">The exception.</param>
    /// <param name="attempt">The number of tries before this one.</param>
    public VectorStoreException Failed(string operation, NpgsqlException e, int attempt)
    {
        var tries = attempt == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" It was tried {attempt + 1} times.");
        // The message of a PostgresException has several lines.
        var said = e is PostgresException { SqlState: var state, MessageText: var text } ? $"{state}: {text}" : e.Message;
        return new VectorStoreException($"{Place}: {said.TrimEnd('.')}.{tries} {Advice(e)}".TrimEnd(), e)
        {
            VectorStoreSystemName = SystemName,
            OperationName = operation,
        };
    }

    private static string Advice(NpgsqlException e) => (e as PostgresException)?.SqlState switch
    {
        // The message names the settings of the pool.
        null when e.Message.Contains("connection string", StringComparison.Ordinal) => "Nothing of this call was written.",
        null when e.InnerException is TimeoutException => "The server did not answer in time. If it runs and can be reached, it is slow or "
            + "waits for another program: raise 'Command Timeout' in the connection string. A call that writes has written all or nothing.",
        null => "Check that the server runs and can be reached, and repeat the call. A call that writes has written all or nothing.",
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            "Check the name and the password in the connection string.",
        PostgresErrorCodes.InvalidCatalogName => "Create the database first.",
        PostgresErrorCodes.InvalidSchemaName => "Create the schema first.",
        PostgresErrorCodes.UndefinedColumn => "An earlier build made the tables; call EnsureCollectionExistsAsync once, which adds the "
            + "columns that are missing and keeps all records.",
        PostgresErrorCodes.InsufficientPrivilege => "Give the database user the right to do this.",
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            "Nobody can write through this connection, for example because the server is a standby; connect to the primary server.",
        PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable =>
            "Raise statement_timeout or lock_timeout of the server for this database user.",
        PostgresErrorCodes.ProgramLimitExceeded => "A key, or a value of a property with IsIndexed, may be too long for its index, which "
            + "takes up to about 2,700 bytes; nothing of this call was written.",
        PostgresErrorCodes.DiskFull => "Make room on the server's disk; nothing of this call was written.",
        PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.UndefinedObject =>
            "Install pgvector 0.8 or newer on the server, in a schema of the search path.",
        _ => "",
    };
}
