using Microsoft.Data.Sqlite;

namespace MetricLearning.Search;

/// <summary>The entry of a collection in the database.</summary>
/// <param name="Id">Its number. No other collection ever has the same.</param>
/// <param name="Schema">The properties of its records.</param>
/// <param name="Space">The embedding space of its vectors, as JSON; empty if it is not known.</param>
/// <param name="Changes">The number of the last change.</param>
/// <param name="HasCanaries">Whether it has canaries. They are read only where a program must compare them.</param>
internal sealed record CollectionEntry(long Id, string Schema, string Space, long Changes, bool HasCanaries)
{
    /// <summary>The entry of a collection; null if there is no such collection.</summary>
    public static CollectionEntry? Find(SqliteConnection opened, string name)
    {
        using var command = Database.Command(opened, "SELECT id, schema, space, changes, "
            + "EXISTS (SELECT 1 FROM canaries WHERE collection = id) FROM collections WHERE name = $0", name);
        using var reader = command.ExecuteReader();
        return reader.Read() ? new CollectionEntry(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3),
            reader.GetBoolean(4)) : null;
    }

    /// <summary>Adds an entry for a new collection.</summary>
    public static CollectionEntry Add(SqliteConnection opened, string name, string schema, string space)
    {
        var last = Database.Scalar(opened, "SELECT last FROM numbers") as long?;
        if (last is null) Database.Execute(opened, "INSERT INTO numbers (last) VALUES (1)");
        else Database.Execute(opened, "UPDATE numbers SET last = last + 1");
        var entry = new CollectionEntry((last ?? 0) + 1, schema, space, 0, HasCanaries: false);
        Database.Execute(opened, "INSERT INTO collections (name, id, schema, space, changes) VALUES ($0, $1, $2, $3, 0)", name, entry.Id,
            schema, space);
        return entry;
    }
}
