using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The canaries of collections, as JSON. They do not change as long as the collection exists.</summary>
internal static class CanaryEntry
{
    /// <summary>Makes the table of a database.</summary>
    public static void CreateTable(SqliteConnection opened) =>
        Database.Execute(opened, "CREATE TABLE IF NOT EXISTS canaries (collection INTEGER PRIMARY KEY, json TEXT NOT NULL)");

    /// <summary>The canaries of a collection; null if it has none.</summary>
    public static string? Find(SqliteConnection opened, long collection) =>
        Database.Scalar(opened, "SELECT json FROM canaries WHERE collection = $0", collection) as string;

    /// <summary>Adds the canaries of a collection that has none.</summary>
    public static void Add(SqliteConnection opened, long collection, string json) =>
        Database.Execute(opened, "INSERT INTO canaries (collection, json) VALUES ($0, $1)", collection, json);

    /// <summary>Deletes the canaries of a collection.</summary>
    public static void Delete(SqliteConnection opened, long collection) =>
        Database.Execute(opened, "DELETE FROM canaries WHERE collection = $0", collection);
}
