using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The values of the records in packed files, by property and block. Filters read them instead of the records. All of them can be
/// made again from the records.</summary>
internal static class ValueEntry
{
    /// <summary>Makes the table of a database.</summary>
    public static void CreateTable(SqliteConnection opened) => Database.Execute(opened, "CREATE TABLE IF NOT EXISTS packed_values "
        + "(file INTEGER NOT NULL, property TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL, "
        + "PRIMARY KEY (file, property, number))");

    /// <summary>Adds the values of a block.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="file">The number of the file.</param>
    /// <param name="number">The number of the block.</param>
    /// <param name="values">The values.</param>
    public static void Add(SqliteConnection opened, long file, int number, BlockValues values)
    {
        using var command = Database.Command(opened, "INSERT INTO packed_values (file, property, number, data) VALUES ($0, $1, $2, $3)",
            file, "", number, Array.Empty<byte>());
        foreach (var (property, column) in values.Columns)
        {
            (command.Parameters[1].Value, command.Parameters[3].Value) = (property, column);
            command.ExecuteNonQuery();
        }
    }

    /// <summary>A command that reads the values of a property, starting at a block: the number of each block and its values.</summary>
    public static SqliteCommand From(SqliteConnection opened, long file, string property, int number) =>
        Select(opened, "number, data", file, property, number);

    /// <summary>A command that reads the numbers of the blocks with stored values, starting at a block.</summary>
    public static SqliteCommand Numbers(SqliteConnection opened, long file, int number) =>
        Select(opened, "number", file, BlockValues.Key, number);

    /// <summary>Deletes the values of the files of a collection.</summary>
    public static void Delete(SqliteConnection opened, long collection) => Database.Execute(opened,
        "DELETE FROM packed_values WHERE file IN (SELECT file FROM packed WHERE collection = $0)", collection);

    /// <summary>Deletes the values of the file of a vector property.</summary>
    public static void Delete(SqliteConnection opened, long collection, int vector) => Database.Execute(opened,
        "DELETE FROM packed_values WHERE file IN (SELECT file FROM packed WHERE collection = $0 AND vector = $1)", collection, vector);

    private static SqliteCommand Select(SqliteConnection opened, string what, long file, string property, int number) =>
        Database.Command(opened, $"SELECT {what} FROM packed_values WHERE file = $0 AND property = $1 AND number >= $2 ORDER BY number",
            file, property, number);
}
