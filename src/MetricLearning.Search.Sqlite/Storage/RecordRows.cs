using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>The records of one collection as rows of a table. Each row has the number of the change that wrote it; removed keys keep
/// theirs in a second table, so that any process can catch up with the changes that it has not seen.</summary>
internal sealed class RecordRows<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly RecordModel<TKey, TRecord> model;
    private readonly DataPropertyModel[] data;
    private readonly string records, removed, columns;

    /// <param name="model">The type of records.</param>
    /// <param name="id">The number of the collection.</param>
    public RecordRows(RecordModel<TKey, TRecord> model, long id)
    {
        (this.model, data) = (model, [.. model.Values.OfType<DataPropertyModel>()]);
        (records, removed) = (RecordTables.Records(id), RecordTables.Removed(id));
        columns = string.Concat(model.Vectors.Select((_, i) => $", vector_{i}"));
    }

    /// <summary>Makes the tables.</summary>
    public void Create(SqliteConnection opened)
    {
        var vectors = string.Concat(model.Vectors.Select((_, i) => $", vector_{i} BLOB"));
        Database.Execute(opened,
            $"CREATE TABLE {records} (key PRIMARY KEY NOT NULL, change INTEGER NOT NULL, data BLOB NOT NULL{vectors})");
        Database.Execute(opened, $"CREATE INDEX {records}_changes ON {records} (change)");
        Database.Execute(opened, $"CREATE TABLE {removed} (key PRIMARY KEY NOT NULL, change INTEGER NOT NULL) WITHOUT ROWID");
        Database.Execute(opened, $"CREATE INDEX {removed}_changes ON {removed} (change)");
    }

    /// <summary>Writes records in the place of those with their keys.</summary>
    public void Write(SqliteConnection opened, IEnumerable<StoredRecord<TKey, TRecord>> written, long change)
    {
        var values = string.Concat(model.Vectors.Select((_, i) => $", ${i + 3}"));
        using var insert = Database.Command(opened,
            $"INSERT OR REPLACE INTO {records} (key, change, data{columns}) VALUES ($0, $1, $2{values})",
            new object?[3 + model.Vectors.Length]);
        using var revive = Database.Command(opened, $"DELETE FROM {removed} WHERE key = $0", 0L);
        foreach (var record in written)
        {
            var key = StoredKey.Of(record.Key);
            insert.Parameters[0].Value = revive.Parameters[0].Value = key;
            insert.Parameters[1].Value = change;
            insert.Parameters[2].Value = RecordJson.Write(data, record.Values);
            for (var i = 0; i < model.Vectors.Length; i++)
                insert.Parameters[3 + i].Value = record.Vectors[i] is { } vector
                    ? MemoryMarshal.AsBytes(vector.Span).ToArray() : DBNull.Value;
            insert.ExecuteNonQuery();
            revive.ExecuteNonQuery();
        }
    }

    /// <summary>Removes records.</summary>
    public void Remove(SqliteConnection opened, IEnumerable<TKey> keys, long change)
    {
        using var delete = Database.Command(opened, $"DELETE FROM {records} WHERE key = $0", 0L);
        using var note = Database.Command(opened, $"INSERT OR REPLACE INTO {removed} (key, change) VALUES ($0, $1)", 0L, change);
        foreach (var key in keys)
        {
            delete.Parameters[0].Value = note.Parameters[0].Value = StoredKey.Of(key);
            if (delete.ExecuteNonQuery() > 0) note.ExecuteNonQuery();
        }
    }

    /// <summary>The records that were written after a change.</summary>
    public IEnumerable<StoredRecord<TKey, TRecord>> Written(SqliteConnection opened, long after)
    {
        using var command = Database.Command(opened, $"SELECT key, data{columns} FROM {records} WHERE change > $0", after);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var (key, record) = ((TKey)StoredKey.Read(reader.GetValue(0), model.Key.Type), model.Create());
            model.Key.SetValueAsObject(record, key);
            RecordJson.Read(reader.GetFieldValue<byte[]>(1), data, record);
            var vectors = new ReadOnlyMemory<float>?[model.Vectors.Length];
            for (var i = 0; i < vectors.Length; i++)
                if (!reader.IsDBNull(2 + i))
                    vectors[i] = MemoryMarshal.Cast<byte, float>(reader.GetFieldValue<byte[]>(2 + i).AsSpan()).ToArray();
            yield return new StoredRecord<TKey, TRecord>(key, record, vectors);
        }
    }

    /// <summary>The keys that were removed after a change.</summary>
    public List<TKey> Removed(SqliteConnection opened, long after)
    {
        using var command = Database.Command(opened, $"SELECT key FROM {removed} WHERE change > $0", after);
        using var reader = command.ExecuteReader();
        var keys = new List<TKey>();
        while (reader.Read()) keys.Add((TKey)StoredKey.Read(reader.GetValue(0), model.Key.Type));
        return keys;
    }
}
