using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>A row of a vector property: its id and its vector.</summary>
internal readonly record struct VectorRow(long Id, ReadOnlyMemory<float> Vector);

/// <summary>The vectors of one property of a collection, in the order of their ids.</summary>
/// <param name="Collection">The number of the collection.</param>
/// <param name="Vector">The number of the property.</param>
internal sealed record VectorRows(long Collection, int Vector)
{
    private readonly string records = RecordTables.Records(Collection), removed = RecordTables.Removed(Collection);

    /// <summary>Reads the first rows after an id.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="after">The id.</param>
    /// <param name="most">The largest number of rows.</param>
    /// <param name="values">Receives the keys and values of the records; null where nobody needs them.</param>
    public List<VectorRow> Behind(SqliteConnection opened, long after, int most, BlockValues? values = null)
    {
        using var command = Database.Command(opened, $"SELECT id, vector_{Vector}{(values is null ? "" : ", key, data")} FROM {records} "
            + $"WHERE id > $0 AND vector_{Vector} IS NOT NULL ORDER BY id LIMIT $1", after, most);
        using var reader = command.ExecuteReader();
        var rows = new List<VectorRow>();
        while (reader.Read())
        {
            rows.Add(new VectorRow(reader.GetInt64(0), Floats(reader.GetFieldValue<byte[]>(1))));
            values?.Add(reader.GetValue(2), reader.GetFieldValue<byte[]>(3));
        }
        return rows;
    }

    /// <summary>Reads a sample of rows that is spread over the ids, ascending.</summary>
    /// <param name="opened">The connection.</param>
    /// <param name="count">The number of rows to read.</param>
    public List<VectorRow> Sample(SqliteConnection opened, int count)
    {
        var first = Database.Scalar(opened, $"SELECT min(id) FROM {records}") as long? ?? 0;
        var last = Database.Scalar(opened, $"SELECT max(id) FROM {records}") as long? ?? 0;
        var rows = new List<VectorRow>();
        for (var i = 0; i < count; i++)
        {
            var after = first - 1 + (long)((double)(last - first + 1) * i / count);
            if (rows.Count == 0 || after >= rows[^1].Id) rows.AddRange(Behind(opened, after, 1));
        }
        return rows;
    }

    /// <summary>Counts the records.</summary>
    public int Count(SqliteConnection opened) =>
        (int)Math.Min(int.MaxValue, (long)Database.Scalar(opened, $"SELECT count(*) FROM {records}")!);

    /// <summary>Reads the ids that were removed after a removal.</summary>
    public List<long> Removed(SqliteConnection opened, long after)
    {
        using var command = Database.Command(opened, $"SELECT id FROM {removed} WHERE number > $0", after);
        using var reader = command.ExecuteReader();
        var ids = new List<long>();
        while (reader.Read()) ids.Add(reader.GetInt64(0));
        return ids;
    }

    /// <summary>Deletes the removals that no packed file needs: those from before all files of the collection were begun.</summary>
    public void ForgetRemoved(SqliteConnection opened) => Database.Execute(opened,
        $"DELETE FROM {removed} WHERE number <= (SELECT min(removal) FROM packed WHERE collection = $0)", Collection);

    /// <summary>Makes the statement that reads the vector of an id.</summary>
    public VectorStatement ById(SqliteConnection opened) => new(opened, $"SELECT vector_{Vector} FROM {records} WHERE id = $0");

    /// <summary>The numbers of a stored vector.</summary>
    public static float[] Floats(byte[] stored) => MemoryMarshal.Cast<byte, float>(stored.AsSpan()).ToArray();
}
