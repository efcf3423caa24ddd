using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The entry of a block of a packed file in the database.</summary>
/// <param name="Last">The id of its last row.</param>
/// <param name="Checksum">The checksum of its bytes.</param>
internal readonly record struct BlockEntry(long Last, uint Checksum);

/// <summary>The entry of the packed file of a vector property in the database. The file itself holds only blocks. This entry has all that
/// is needed to check them, and it changes in the transactions of the database.</summary>
/// <param name="File">The number in its name. No other file ever has the same.</param>
/// <param name="Removal">The number of the last removal before the file was begun. Rows that were removed earlier are not in it.</param>
/// <param name="Rows">The number of rows when its center was chosen.</param>
/// <param name="Center">The center of its rows; empty if it has no blocks.</param>
/// <param name="Blocks">Its blocks.</param>
internal sealed record PackedEntry(long File, long Removal, int Rows, double[] Center, IReadOnlyList<BlockEntry> Blocks)
{
    /// <summary>The id of the last row in the file.</summary>
    public long Last => Blocks.Count == 0 ? 0 : Blocks[^1].Last;

    /// <summary>Creates the tables in a database.</summary>
    public static void CreateTables(SqliteConnection opened)
    {
        Database.Execute(opened, "CREATE TABLE IF NOT EXISTS packed (collection INTEGER NOT NULL, vector INTEGER NOT NULL, "
            + "file INTEGER NOT NULL, removal INTEGER NOT NULL, rows INTEGER NOT NULL, center BLOB NOT NULL, "
            + "PRIMARY KEY (collection, vector)) WITHOUT ROWID");
        Database.Execute(opened, "CREATE TABLE IF NOT EXISTS blocks (file INTEGER NOT NULL, number INTEGER NOT NULL, "
            + "last INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (file, number)) WITHOUT ROWID");
    }

    /// <summary>Begins a new file for the rows of the collection: chooses its name and deletes the entry of the old file.</summary>
    public static void Begin(SqliteConnection opened, long collection, int vector)
    {
        Delete(opened, collection, vector);
        Database.Execute(opened, "INSERT OR REPLACE INTO packed (collection, vector, file, removal, rows, center) "
            + "VALUES ($0, $1, $2, $3, 0, $4)", collection, vector, Random.Shared.NextInt64(1, long.MaxValue),
            RecordTables.LastRemoval(opened, collection), Array.Empty<byte>());
    }

    /// <summary>Reads the entry of a vector property.</summary>
    public static PackedEntry Find(SqliteConnection opened, long collection, int vector)
    {
        using var command = Database.Command(opened, "SELECT file, removal, rows, center FROM packed "
            + "WHERE collection = $0 AND vector = $1", collection, vector);
        using var reader = command.ExecuteReader();
        reader.Read();
        var file = reader.GetInt64(0);
        using var each = Database.Command(opened, "SELECT last, checksum FROM blocks WHERE file = $0 ORDER BY number", file);
        using var block = each.ExecuteReader();
        var blocks = new List<BlockEntry>();
        while (block.Read()) blocks.Add(new BlockEntry(block.GetInt64(0), (uint)block.GetInt64(1)));
        return new PackedEntry(file, reader.GetInt64(1), reader.GetInt32(2),
            MemoryMarshal.Cast<byte, double>(reader.GetFieldValue<byte[]>(3).AsSpan()).ToArray(), blocks);
    }

    /// <summary>Stores the center of a new file.</summary>
    public static void SetCenter(SqliteConnection opened, long file, Center center) =>
        Database.Execute(opened, "UPDATE packed SET rows = $0, center = $1 WHERE file = $2", center.Rows,
            MemoryMarshal.AsBytes(center.Values.AsSpan()).ToArray(), file);

    /// <summary>Stores the entry of a block.</summary>
    public static void Add(SqliteConnection opened, long file, int number, BlockEntry block) =>
        Database.Execute(opened, "INSERT INTO blocks (file, number, last, checksum) VALUES ($0, $1, $2, $3)", file, number, block.Last,
            (long)block.Checksum);

    /// <summary>Deletes the entries of all files of a collection.</summary>
    public static void Delete(SqliteConnection opened, long collection)
    {
        ValueEntry.Delete(opened, collection);
        Database.Execute(opened, "DELETE FROM blocks WHERE file IN (SELECT file FROM packed WHERE collection = $0)", collection);
        Database.Execute(opened, "DELETE FROM packed WHERE collection = $0", collection);
    }

    private static void Delete(SqliteConnection opened, long collection, int vector)
    {
        ValueEntry.Delete(opened, collection, vector);
        Database.Execute(opened, "DELETE FROM blocks WHERE file IN (SELECT file FROM packed WHERE collection = $0 AND vector = $1)",
            collection, vector);
    }
}
