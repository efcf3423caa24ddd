using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The tables of a collection.</summary>
internal static class RecordTables
{
    /// <summary>The table of records.</summary>
    public static string Records(long id) => $"records_{id}";

    /// <summary>The table of removed keys.</summary>
    public static string Removed(long id) => $"removed_{id}";

    /// <summary>Deletes the tables.</summary>
    public static void Drop(SqliteConnection opened, long id)
    {
        Database.Execute(opened, $"DROP TABLE {Records(id)}");
        Database.Execute(opened, $"DROP TABLE {Removed(id)}");
    }
}
