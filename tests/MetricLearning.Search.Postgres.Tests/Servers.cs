using Npgsql;

namespace MetricLearning.Search.Tests;

/// <summary>The server of the tests, if there is one.</summary>
internal static class Servers
{
    /// <summary>The environment variable that holds the connection string. <c>eng/pgvector.sh start</c> prints one.</summary>
    public const string Variable = "METRICLEARNING_POSTGRES";

    private static int schemas;

    /// <summary>The connection string. Without a server the test is skipped.</summary>
    public static string Connection()
    {
        var connection = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(connection),
            $"there is no PostgreSQL server: start one with eng/pgvector.sh start, and set {Variable} to what it prints");
        return connection!;
    }

    /// <summary>Creates a schema for one test.</summary>
    public static string NewSchema()
    {
        var name = FormattableString.Invariant($"test_{Environment.ProcessId}_{Interlocked.Increment(ref schemas)}");
        Run(Connection(), $"CREATE SCHEMA {name}");
        return name;
    }

    /// <summary>Deletes a schema and what is in it.</summary>
    public static void Drop(string schema) => Run(Connection(), $"DROP SCHEMA {schema} CASCADE");

    /// <summary>The value that a query of the server gives.</summary>
    public static object? Read(string sql)
    {
        using var source = NpgsqlDataSource.Create(Connection());
        using var command = source.CreateCommand(sql);
        return command.ExecuteScalar();
    }

    public static void Run(string connection, string sql)
    {
        using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { Timeout = 15 }.ConnectionString);
        using var open = Opened(source);
        using var command = new NpgsqlCommand(sql, open);
        command.ExecuteNonQuery();
    }

    /// <summary>Opens a connection. In two of many runs, the small server of the tests left one new connection without an answer, for 15
    /// and for 60 seconds, and answered later ones. The reason is not known.</summary>
    private static NpgsqlConnection Opened(NpgsqlDataSource source)
    {
        const int attempts = 4;
        for (var attempt = 1; ; attempt++)
            try
            {
                return source.OpenConnection();
            }
            catch (NpgsqlException error) when (error.InnerException is TimeoutException && attempt < attempts)
            {
            }
    }
}
