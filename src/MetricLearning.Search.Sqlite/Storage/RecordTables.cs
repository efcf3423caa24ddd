using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The tables of a collection.</summary>
internal static class RecordTables
{
    /// <summary>The name of the table of records.</summary>
    public static string Records(long id) => $"records_{id}";

    /// <summary>The name of the table of the ids of removed rows.</summary>
    public static string Removed(long id) => $"removed_{id}";

    /// <summary>The number of the last removal; 0 if no row was removed.</summary>
    public static long LastRemoval(SqliteConnection opened, long id) =>
        Database.Scalar(opened, "SELECT seq FROM sqlite_sequence WHERE name = $0", Removed(id)) as long? ?? 0;

    /// <summary>Deletes the tables.</summary>
    public static void Drop(SqliteConnection opened, long id)
    {
        Database.Execute(opened, $"DROP TABLE {Records(id)}");
        Database.Execute(opened, $"DROP TABLE {Removed(id)}");
        PackedEntry.Delete(opened, id);
        CanaryEntry.Delete(opened, id);
    }
}
