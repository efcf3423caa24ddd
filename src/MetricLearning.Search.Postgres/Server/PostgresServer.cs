using System.Globalization;
using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>A PostgreSQL server. Errors that pass by themselves are tried again, a bounded number of times; all others come out as a
/// <see cref="VectorStoreException"/> that names the server.</summary>
internal sealed class PostgresServer
{
    /// <summary>The name of the kind of store in metadata.</summary>
    public const string SystemName = "metriclearning.postgres";

    private readonly NpgsqlDataSource source;
    private readonly string where;

    /// <param name="source">The connections.</param>
    public PostgresServer(NpgsqlDataSource source)
    {
        this.source = source;
        var parts = new NpgsqlConnectionStringBuilder(source.ConnectionString);
        where = string.Create(CultureInfo.InvariantCulture, $"PostgreSQL at {parts.Host}:{parts.Port}, database {parts.Database}");
    }

    /// <summary>How often a call is tried again.</summary>
    public int Retries { get; init; }

    /// <summary>The pause before the first retry. Each later one is twice as long.</summary>
    public TimeSpan RetryPause { get; init; }

    /// <summary>Does something with a connection.</summary>
    /// <param name="operation">What is done, as exceptions name it.</param>
    /// <param name="act">Does it. It is called again where the server failed, so it must do the same again.</param>
    /// <param name="cancellationToken">Stops the call.</param>
    public async Task<T> UseAsync<T>(string operation, Func<NpgsqlConnection, Task<T>> act, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
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
                await Task.Delay(RetryPause * Math.Pow(2, attempt), cancellationToken).ConfigureAwait(false);
            }
            catch (NpgsqlException e)
            {
                throw Failed(operation, e, attempt);
            }
        }
    }

    /// <summary>An open connection, which the caller closes.</summary>
    public Task<NpgsqlConnection> OpenAsync(string operation, CancellationToken cancellationToken) =>
        UseAsync(operation, async _ => await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false), cancellationToken);

    /// <summary>What an exception of the server comes out as.</summary>
    /// <param name="operation">What was done.</param>
    /// <param name="e">The exception.</param>
    /// <param name="attempt">How often it had been tried before.</param>
    public VectorStoreException Failed(string operation, NpgsqlException e, int attempt)
    {
        var tries = attempt == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" It was tried {attempt + 1} times.");
        return new VectorStoreException($"{where}: {e.Message.TrimEnd('.')}.{tries} {Advice(e)}".TrimEnd(), e)
        {
            VectorStoreSystemName = SystemName,
            OperationName = operation,
        };
    }

    private static string Advice(NpgsqlException e) => (e as PostgresException)?.SqlState switch
    {
        null => "Check that the server runs and can be reached. A write that failed so is there wholly or not at all; write it again.",
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            "Check the name and the password in the connection string.",
        PostgresErrorCodes.InvalidCatalogName => "Create the database first.",
        PostgresErrorCodes.InvalidSchemaName => "Create the schema first.",
        PostgresErrorCodes.InsufficientPrivilege => "Give the database user the right to do this.",
        PostgresErrorCodes.DiskFull => "Make room on the server's disk; nothing of this call was written.",
        PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.UndefinedFile or PostgresErrorCodes.UndefinedObject =>
            "Install pgvector 0.8 or newer on the server, in a schema of the search path.",
        _ => "",
    };
}
