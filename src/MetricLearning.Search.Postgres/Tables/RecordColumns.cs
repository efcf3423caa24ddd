using Microsoft.Extensions.VectorData.ProviderServices;
using Npgsql;
using NpgsqlTypes;

namespace MetricLearning.Search;

/// <summary>The columns of a collection's table: the key, the data, the vectors.</summary>
internal sealed class RecordColumns<TKey, TRecord> where TKey : notnull where TRecord : class
{
    /// <summary>The largest dimension of a vector that pgvector can store, and the largest that it can index.</summary>
    private const int LargestWidth = 16_000, LargestIndexedWidth = 2_000;

    private readonly (PropertyModel Property, ColumnType Type)[] values;

    /// <exception cref="NotSupportedException">A vector has too many dimensions, or its index kind is not supported.</exception>
    /// <exception cref="ArgumentException">A name is too long, or two columns have the same name.</exception>
    public RecordColumns(RecordModel<TKey, TRecord> model)
    {
        Model = model;
        values = [.. model.Values.Select(property => (property, ColumnType.Of(property.Type)))];
        Shapes = [.. model.Vectors.Zip(model.Distances, (property, distance) => new RowShape(distance.Metric, Width(property)))];
        Indexed = [.. model.Vectors.Select(property => property.IndexKind switch
        {
            null or "" or Microsoft.Extensions.VectorData.IndexKind.Flat => false,
            Microsoft.Extensions.VectorData.IndexKind.Hnsw => property.Dimensions <= LargestIndexedWidth ? true
                : throw new NotSupportedException($"The vector '{property.ModelName}' has {property.Dimensions} dimensions; an HNSW index "
                    + $"of pgvector takes at most {LargestIndexedWidth}. Ask for the index kind Flat."),
            var other => throw new NotSupportedException($"The vector '{property.ModelName}' asks for the index kind '{other}', which is "
                + "not one of Flat and Hnsw."),
        })];
        (string Name, string Sql)[] columns = [.. values.SelectMany(value => Columns(value.Property, value.Type)),
            .. model.Vectors.Select(property => (property.StorageName, $"vector({property.Dimensions})"))];
        foreach (var (name, _) in columns) SqlNames.Checked(name, "a column");
        if (columns.GroupBy(column => column.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException($"Columns must have different names, got '{twice.Key}' twice; a time has a second column with "
                + "'_offset' or '_kind' after its name.");
        Definition = string.Join(", ", columns.Select(column => $"{SqlNames.Quoted(column.Name)} {column.Sql}"
            + (column.Name == model.Key.StorageName ? " NOT NULL" : "")));
        Schema = string.Join("; ", columns.Select(column => $"{column.Name} {column.Sql}").Order(StringComparer.Ordinal)
            .Concat(model.Vectors.Zip(model.Distances, (property, distance) => $"{property.StorageName} by {distance.Metric}")));
        Names = string.Join(", ", columns.Select(column => SqlNames.Quoted(column.Name)));
        DataNames = string.Join(", ", columns.Take(columns.Length - model.Vectors.Length).Select(column => SqlNames.Quoted(column.Name)));
        Parameters = string.Join(", ", columns.Select((column, i) => i < columns.Length - model.Vectors.Length ? $"${i + 1}"
            : $"${i + 1}::real[]::vector"));
        Updates = string.Join(", ", columns.Where(column => column.Name != model.Key.StorageName)
            .Select(column => $"{SqlNames.Quoted(column.Name)} = EXCLUDED.{SqlNames.Quoted(column.Name)}"));
    }

    public RecordModel<TKey, TRecord> Model { get; }

    /// <summary>The width and metric of each vector.</summary>
    public RowShape[] Shapes { get; }

    /// <summary>Whether each vector asks for an HNSW index.</summary>
    public bool[] Indexed { get; }

    /// <summary>The columns with their types, for CREATE TABLE.</summary>
    public string Definition { get; }

    /// <summary>A description of the columns, by which programs recognize the collection.</summary>
    public string Schema { get; }

    /// <summary>The names of all columns.</summary>
    public string Names { get; }

    /// <summary>The names of the columns without vectors.</summary>
    public string DataNames { get; }

    /// <summary>The parameters of all columns.</summary>
    public string Parameters { get; }

    /// <summary>The assignments of ON CONFLICT.</summary>
    public string Updates { get; }

    /// <summary>The name of the key's column.</summary>
    public string Key => SqlNames.Quoted(Model.Key.StorageName);

    /// <summary>The name of a vector's column.</summary>
    public string Vector(int number) => SqlNames.Quoted(Model.Vectors[number].StorageName);

    /// <summary>Vector columns as a list of columns that <see cref="Read"/> reads; starts with a comma.</summary>
    public string VectorList => string.Concat(Model.Vectors.Select((_, i) => $", {Vector(i)}::real[]"));

    /// <summary>Makes a parameter of a key.</summary>
    public NpgsqlParameter KeyParameter(TKey key) => ColumnType.Of(Model.Key.Type).Parameter(key);

    /// <summary>Makes a parameter of several keys.</summary>
    public NpgsqlParameter KeysParameter(IEnumerable<TKey> keys) => ColumnType.Of(Model.Key.Type).ListParameter(keys.Cast<object?>());

    /// <summary>Makes a parameter of a vector.</summary>
    public static NpgsqlParameter VectorParameter(ReadOnlyMemory<float>? vector) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Real, Value = vector is { } given ? given.ToArray() : DBNull.Value };

    /// <summary>Refuses a record that the table cannot store.</summary>
    /// <exception cref="ArgumentException">A text or a vector cannot be stored; the message names the record.</exception>
    public void Check(StoredRecord<TKey, TRecord> record)
    {
        foreach (var (property, _) in values)
            if (property.GetValueAsObject(record.Values) is { } value && !StoredText.CanKeepValue(value))
                throw new ArgumentException($"{property.ModelName} must have no character U+0000, which PostgreSQL cannot store, "
                    + $"got one in the record {KeyText.Of(record.Key)}.", property.ModelName);
        for (var i = 0; i < Shapes.Length; i++)
            if (record.Vectors[i] is { } vector && ServerBounds.Fault(Shapes[i], vector.Span) is { } fault)
                throw fault.In(Model.Vectors[i].ModelName, $"the record {KeyText.Of(record.Key)}");
    }

    /// <summary>Makes the parameters of a record's columns.</summary>
    public IEnumerable<NpgsqlParameter> ParametersOf(StoredRecord<TKey, TRecord> record)
    {
        foreach (var (property, type) in values)
        {
            var value = property.GetValueAsObject(record.Values);
            yield return type.Parameter(value);
            if (type.Second is { } second)
                yield return new() { NpgsqlDbType = NpgsqlDbType.Smallint, Value = value is null ? DBNull.Value : second.Of(value) };
        }
        foreach (var vector in record.Vectors) yield return VectorParameter(vector);
    }

    /// <summary>Reads the record of a row with the columns <see cref="DataNames"/> and, if requested, <see cref="VectorList"/>.</summary>
    public TRecord Read(NpgsqlDataReader reader, bool withVectors)
    {
        var (record, ordinal) = (Model.Create(), 0);
        foreach (var (property, type) in values)
        {
            property.SetValueAsObject(record, type.Read(reader, ordinal));
            ordinal += type.Second is null ? 1 : 2;
        }
        if (withVectors)
            for (var i = 0; i < Shapes.Length; i++, ordinal++)
                Model.SetVector(record, i,
                    reader.IsDBNull(ordinal) ? null : (ReadOnlyMemory<float>?)reader.GetFieldValue<float[]>(ordinal));
        return record;
    }

    /// <summary>Makes a column of ORDER BY, with a comma. Null comes before all values and NaN before all numbers, as in C#.</summary>
    public static string Sort(PropertyModel property, bool ascending)
    {
        var (column, way) = (SqlNames.Quoted(property.StorageName), ascending ? "ASC NULLS FIRST" : "DESC NULLS LAST");
        return ColumnType.Of(property.Type).Db is NpgsqlDbType.Real or NpgsqlDbType.Double
            ? $"({column} <> 'NaN') {way}, {column} {way}, " : $"{column} {way}, ";
    }

    /// <summary>The number of columns that <see cref="Read"/> reads.</summary>
    public int Ordinals(bool withVectors) => values.Sum(value => value.Type.Second is null ? 1 : 2) + (withVectors ? Shapes.Length : 0);

    /// <summary>The key of a record.</summary>
    public TKey KeyOf(TRecord record) => (TKey)Model.Key.GetValueAsObject(record)!;

    /// <summary>The indexes of the properties: the suffix of the name of each, and its SQL after ON.</summary>
    public IEnumerable<(string Suffix, string On)> Indexes(string table)
    {
        for (var i = 0; i < values.Length; i++)
            if (values[i].Property is DataPropertyModel { IsIndexed: true } property)
                yield return ($"data_{i}",
                    $"{table} USING {(values[i].Type.IsList ? "gin" : "btree")} ({SqlNames.Quoted(property.StorageName)})");
        for (var i = 0; i < Indexed.Length; i++)
            if (Indexed[i])
                yield return ($"vector_{i}", $"{table} USING hnsw ({Vector(i)} {ServerBounds.OperatorClass(Shapes[i].Metric)})");
    }

    private static IEnumerable<(string, string)> Columns(PropertyModel property, ColumnType type)
    {
        yield return (property.StorageName, type.Sql);
        if (type.Second is { } second) yield return (property.StorageName + second.Suffix, "smallint");
    }

    private static int Width(VectorPropertyModel property) => property.Dimensions is >= 1 and <= LargestWidth ? property.Dimensions
        : throw new NotSupportedException($"The vector '{property.ModelName}' has {property.Dimensions} dimensions; pgvector takes 1 to "
            + $"{LargestWidth}.");
}
