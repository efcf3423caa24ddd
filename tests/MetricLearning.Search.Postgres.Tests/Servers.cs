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
        using var source = NpgsqlDataSource.Create(connection);
        using var command = source.CreateCommand(sql);
        command.ExecuteNonQuery();
    }
}
