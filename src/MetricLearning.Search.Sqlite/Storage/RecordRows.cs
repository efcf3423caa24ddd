using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>The records of one collection as rows of a table.</summary>
/// <remarks>A row never changes: a record that is written again becomes a new row. The id of a row is unique forever and larger than those
/// of all earlier rows. A second table has the ids of removed rows in the order of their removal. So a reader that has seen the rows up to
/// an id and the removals up to a number can find out what is new.</remarks>
internal sealed class RecordRows<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly RecordModel<TKey, TRecord> model;
    private readonly DataPropertyModel[] data;
    private readonly string records, removed, columns;
    private readonly long id;

    /// <param name="model">The type of records.</param>
    /// <param name="id">The number of the collection.</param>
    public RecordRows(RecordModel<TKey, TRecord> model, long id)
    {
        (this.model, this.id, data) = (model, id, [.. model.Values.OfType<DataPropertyModel>()]);
        (records, removed) = (RecordTables.Records(id), RecordTables.Removed(id));
        columns = string.Concat(model.Vectors.Select((_, i) => $", vector_{i}"));
    }

    /// <summary>Creates the tables.</summary>
    public void Create(SqliteConnection opened)
    {
        var vectors = string.Concat(model.Vectors.Select((_, i) => $", vector_{i} BLOB"));
        Database.Execute(opened,
            $"CREATE TABLE {records} (id INTEGER PRIMARY KEY AUTOINCREMENT, key NOT NULL UNIQUE, data BLOB NOT NULL{vectors})");
        Database.Execute(opened, $"CREATE TABLE {removed} (number INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL)");
        for (var i = 0; i < model.Vectors.Length; i++) PackedEntry.Begin(opened, id, i);
    }

    /// <summary>Writes records. A record replaces the one with the same key.</summary>
    public void Write(SqliteConnection opened, IEnumerable<StoredRecord<TKey, TRecord>> written)
    {
        var values = string.Concat(model.Vectors.Select((_, i) => $", ${i + 2}"));
        using var remove = Note(opened);
        using var insert = Database.Command(opened,
            $"INSERT OR REPLACE INTO {records} (key, data{columns}) VALUES ($0, $1{values})", new object?[2 + model.Vectors.Length]);
        foreach (var record in written)
        {
            remove.Parameters[0].Value = insert.Parameters[0].Value = StoredKey.Of(record.Key);
            insert.Parameters[1].Value = RecordJson.Write(data, record.Values);
            for (var i = 0; i < model.Vectors.Length; i++)
                insert.Parameters[2 + i].Value = record.Vectors[i] is { } vector
                    ? MemoryMarshal.AsBytes(vector.Span).ToArray() : DBNull.Value;
            remove.ExecuteNonQuery();
            insert.ExecuteNonQuery();
        }
    }

    /// <summary>Removes records; keys that do not exist are ignored.</summary>
    public void Remove(SqliteConnection opened, IEnumerable<TKey> keys)
    {
        using var note = Note(opened);
        using var delete = Database.Command(opened, $"DELETE FROM {records} WHERE key = $0", 0L);
        foreach (var key in keys)
        {
            delete.Parameters[0].Value = note.Parameters[0].Value = StoredKey.Of(key);
            if (note.ExecuteNonQuery() > 0) delete.ExecuteNonQuery();
        }
    }

    /// <summary>Makes the command that reads the record of a key: its id, its data and its vectors.</summary>
    public SqliteCommand ByKey(SqliteConnection opened) =>
        Database.Command(opened, $"SELECT id, data{columns} FROM {records} WHERE key = $0", 0L);

    /// <summary>Makes the command that reads the record of an id: its key and its data.</summary>
    public SqliteCommand ById(SqliteConnection opened) => Database.Command(opened, $"SELECT key, data FROM {records} WHERE id = $0", 0L);

    /// <summary>Makes the command that reads the records from one id to another: their keys, their data and their ids.</summary>
    public SqliteCommand Between(SqliteConnection opened) =>
        Database.Command(opened, $"SELECT key, data, id FROM {records} WHERE id BETWEEN $0 AND $1 ORDER BY id", 0L, 0L);

    /// <summary>Makes the command that reads all records: their keys and their data.</summary>
    public SqliteCommand All(SqliteConnection opened) => Database.Command(opened, $"SELECT key, data FROM {records}");

    /// <summary>Reads the key from the first column of a row.</summary>
    public TKey Key(SqliteDataReader row) => (TKey)StoredKey.Read(row.GetValue(0), model.Key.Type);

    /// <summary>Reads the values of a record from the second column of a row.</summary>
    public TRecord Values(TKey key, SqliteDataReader row)
    {
        var record = model.Create();
        model.Key.SetValueAsObject(record, key);
        RecordJson.Read(row.GetFieldValue<byte[]>(1), data, record);
        return record;
    }

    /// <summary>Makes the command that records the removal of a key's row.</summary>
    private SqliteCommand Note(SqliteConnection opened) =>
        Database.Command(opened, $"INSERT INTO {removed} (id) SELECT id FROM {records} WHERE key = $0", 0L);
}
