using Microsoft.Extensions.VectorData;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>The table of the collections of a schema, with the columns and the embedding space of each.</summary>
/// <param name="schema">The schema.</param>
internal sealed class CollectionList(string schema)
{
    private const int Format = 1;

    /// <summary>The name of the table. No collection may have it.</summary>
    public const string Name = "metriclearning_collections";

    /// <summary>The quoted name of the table.</summary>
    public string Table { get; } = $"{SqlNames.Quoted(schema)}.{SqlNames.Quoted(Name)}";

    /// <summary>A lock that serializes transactions that create or delete collections. It ends with the transaction.</summary>
    public static string Lock => "SELECT pg_advisory_xact_lock(hashtext('metriclearning'))";

    /// <summary>Loads pgvector into the database if it is not loaded.</summary>
    public static string LoadVectors => """
        DO $$ BEGIN
          IF NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector') THEN CREATE EXTENSION vector; END IF;
        END $$
        """;

    /// <summary>Creates the table if it does not exist.</summary>
    public string Create => $"CREATE TABLE IF NOT EXISTS {Table} (name text COLLATE \"C\" PRIMARY KEY, "
        + "id bigint GENERATED ALWAYS AS IDENTITY, format integer NOT NULL, columns text NOT NULL, space text NOT NULL, canaries text)";

    /// <summary>Says whether the table has the column of canaries. The first builds made it without.</summary>
    public NpgsqlBatchCommand HasCanaries => new("SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) "
        + "AND attname = 'canaries' AND NOT attisdropped)")
    {
        Parameters = { Text(Table) },
    };

    /// <summary>Adds the column of canaries. The records and the entries of all collections stay as they are.</summary>
    public string AddColumn => $"ALTER TABLE {Table} ADD COLUMN IF NOT EXISTS canaries text";

    /// <summary>The quoted name of a collection's table.</summary>
    public string Of(string collection) => $"{SqlNames.Quoted(schema)}.{SqlNames.Quoted(collection)}";

    /// <summary>The quoted name of a part of a table.</summary>
    public string PartOf(long id, int part) => Of(FormattableString.Invariant($"metriclearning_{id}_part_{part}"));

    /// <summary>The name of an index of a collection.</summary>
    public static string IndexOf(long id, string suffix) => FormattableString.Invariant($"metriclearning_{id}_{suffix}");

    /// <summary>Makes a command that counts those of some indexes that exist.</summary>
    public NpgsqlBatchCommand CountIndexes(string[] indexes) =>
        new("SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname = ANY($2)")
        {
            Parameters = { Text(schema), ColumnType.Of(typeof(string)).ListParameter(indexes) },
        };

    /// <summary>Makes a command that reads the entry of a collection.</summary>
    /// <param name="collection">The name.</param>
    /// <param name="canaries">Whether the entry tells if the collection has canaries. A program without canaries does not ask.</param>
    /// <param name="locks">Whether the entry cannot be removed until the transaction ends.</param>
    public NpgsqlBatchCommand Find(string collection, bool canaries, bool locks) =>
        new($"SELECT id, format, columns, space, {(canaries ? "canaries IS NOT NULL" : "false")} FROM {Table} WHERE name = $1"
            + (locks ? " FOR KEY SHARE" : ""))
        {
            Parameters = { ColumnType.Of(typeof(string)).Parameter(collection) },
        };

    /// <summary>Makes a command that adds an entry and returns its number.</summary>
    public NpgsqlBatchCommand Add(string collection, string columns, string space) =>
        new($"INSERT INTO {Table} (name, format, columns, space) VALUES ($1, {Format}, $2, $3) RETURNING id")
        {
            Parameters = { Text(collection), Text(columns), Text(space) },
        };

    /// <summary>Makes a command that changes the embedding space.</summary>
    public NpgsqlBatchCommand Update(string collection, string space) =>
        new($"UPDATE {Table} SET space = $2 WHERE name = $1") { Parameters = { Text(collection), Text(space) } };

    /// <summary>Makes a command that reads the canaries of the collection with this number.</summary>
    public NpgsqlBatchCommand Canaries(long id) => new($"SELECT canaries FROM {Table} WHERE id = $1")
    {
        Parameters = { ColumnType.Of(typeof(long)).Parameter(id) },
    };

    /// <summary>Makes a command that stores the canaries of a collection, unless it has some.</summary>
    public NpgsqlBatchCommand AddCanaries(string collection, string canaries) =>
        new($"UPDATE {Table} SET canaries = $2 WHERE name = $1 AND canaries IS NULL")
        {
            Parameters = { Text(collection), Text(canaries) },
        };

    /// <summary>Makes a command that removes an entry.</summary>
    public NpgsqlBatchCommand Remove(string collection) =>
        new($"DELETE FROM {Table} WHERE name = $1") { Parameters = { Text(collection) } };

    /// <summary>Says why a collection is refused; null if it is not.</summary>
    public static VectorStoreException? Refusal(NpgsqlDataReader reader, string collection, string columns, EmbeddingSpace? space)
    {
        try
        {
            Check(reader, collection, columns, space);
            return null;
        }
        catch (VectorStoreException e)
        {
            return e;
        }
    }

    /// <summary>Refuses a collection that has other records, or that a newer version wrote.</summary>
    /// <param name="reader">The reader, at the entry of the collection.</param>
    /// <param name="collection">The name.</param>
    /// <param name="columns">The columns of the program's records.</param>
    /// <param name="space">The embedding space that the program knows.</param>
    /// <returns>The number of the collection, its embedding space, the combined embedding space, and whether it has canaries that the
    /// program must compare.</returns>
    public static (long Id, string Space, string Agreed, bool HasCanaries) Check(NpgsqlDataReader reader, string collection, string columns,
        EmbeddingSpace? space)
    {
        var (format, stored) = (reader.GetInt32(1), reader.GetString(2));
        if (format > Format)
            throw new VectorStoreException($"The collection '{collection}' has the format {format}, which is newer than this program's "
                + $"{Format}; use a newer version of MetricLearning.Search.Postgres.") { CollectionName = collection };
        if (stored != columns)
            throw new VectorStoreException($"The collection '{collection}' holds records of [{stored}], and this program's are "
                + $"[{columns}]; use the record type that wrote it, or another name.") { CollectionName = collection };
        return (reader.GetInt64(0), reader.GetString(3), StoredSpace.Agreed(space, reader.GetString(3), collection),
            reader.GetBoolean(4));
    }

    private static NpgsqlParameter Text(string value) => ColumnType.Of(typeof(string)).Parameter(value);
}
