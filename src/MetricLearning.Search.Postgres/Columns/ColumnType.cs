using Npgsql;
using NpgsqlTypes;

namespace MetricLearning.Search;

/// <summary>The mapping of a type to columns. Each value is read back unchanged, and columns compare like values.</summary>
/// <remarks>Times are ticks of 100 ns, because PostgreSQL's own times have only microseconds. A second column has the offset of a
/// <see cref="DateTimeOffset"/> or the kind of a <see cref="DateTime"/>.</remarks>
internal sealed class ColumnType
{
    private static readonly Dictionary<Type, ColumnType> all = new()
    {
        [typeof(string)] = Of("text COLLATE \"C\"", NpgsqlDbType.Text, value => (string)value, value => value),
        [typeof(bool)] = Of("boolean", NpgsqlDbType.Boolean, value => (bool)value, value => value),
        [typeof(byte)] = Of("smallint", NpgsqlDbType.Smallint, value => (short)(byte)value, value => (byte)value),
        [typeof(short)] = Of("smallint", NpgsqlDbType.Smallint, value => (short)value, value => value),
        [typeof(int)] = Of("integer", NpgsqlDbType.Integer, value => (int)value, value => value),
        [typeof(long)] = Of("bigint", NpgsqlDbType.Bigint, value => (long)value, value => value),
        [typeof(ulong)] = Of("numeric(20)", NpgsqlDbType.Numeric, value => (decimal)(ulong)value, value => (ulong)value),
        [typeof(float)] = Of("real", NpgsqlDbType.Real, value => (float)value, value => value),
        [typeof(double)] = Of("double precision", NpgsqlDbType.Double, value => (double)value, value => value),
        [typeof(decimal)] = Of("numeric", NpgsqlDbType.Numeric, value => (decimal)value, value => value),
        [typeof(Guid)] = Of("uuid", NpgsqlDbType.Uuid, value => (Guid)value, value => value),
        [typeof(DateOnly)] = Of("date", NpgsqlDbType.Date, value => (DateOnly)value, value => value),
        [typeof(TimeOnly)] = Of("bigint", NpgsqlDbType.Bigint, value => ((TimeOnly)value).Ticks, value => new TimeOnly(value)),
        [typeof(TimeSpan)] = Of("bigint", NpgsqlDbType.Bigint, value => ((TimeSpan)value).Ticks, value => new TimeSpan(value)),
        [typeof(DateTime)] = Of("bigint", NpgsqlDbType.Bigint, value => ((DateTime)value).Ticks, value => new DateTime(value),
            new SecondColumn("_kind", value => (short)((DateTime)value).Kind,
                (value, kind) => DateTime.SpecifyKind((DateTime)value, (DateTimeKind)kind))),
        [typeof(DateTimeOffset)] = Of("bigint", NpgsqlDbType.Bigint, value => ((DateTimeOffset)value).UtcTicks,
            value => new DateTimeOffset(value, TimeSpan.Zero),
            new SecondColumn("_offset", value => (short)((DateTimeOffset)value).TotalOffsetMinutes,
                (value, minutes) => ((DateTimeOffset)value).ToOffset(TimeSpan.FromMinutes(minutes)))),
        [typeof(byte[])] = Of("bytea", NpgsqlDbType.Bytea, value => (byte[])value, value => value),
        [typeof(string[])] = Of("text[] COLLATE \"C\"", NpgsqlDbType.Array | NpgsqlDbType.Text, value => (string?[])value, value => value),
        [typeof(List<string>)] = Of("text[] COLLATE \"C\"", NpgsqlDbType.Array | NpgsqlDbType.Text,
            value => ((List<string?>)value).ToArray(), value => value.ToList()),
        [typeof(int[])] = Of("integer[]", NpgsqlDbType.Array | NpgsqlDbType.Integer, value => (int[])value, value => value),
        [typeof(List<int>)] = Of("integer[]", NpgsqlDbType.Array | NpgsqlDbType.Integer, value => ((List<int>)value).ToArray(),
            value => value.ToList()),
        [typeof(long[])] = Of("bigint[]", NpgsqlDbType.Array | NpgsqlDbType.Bigint, value => (long[])value, value => value),
        [typeof(List<long>)] = Of("bigint[]", NpgsqlDbType.Array | NpgsqlDbType.Bigint, value => ((List<long>)value).ToArray(),
            value => value.ToList()),
    };

    private readonly Func<object, object> write;
    private readonly Func<NpgsqlDataReader, int, object> read;
    private readonly Func<IEnumerable<object?>, object> list;

    private ColumnType(string sql, NpgsqlDbType db, Func<object, object> write, Func<NpgsqlDataReader, int, object> read,
        Func<IEnumerable<object?>, object> list, SecondColumn? second)
    {
        (Sql, Db, Second) = (sql, db, second);
        (this.write, this.read, this.list) = (write, read, list);
    }

    /// <summary>The type of the column.</summary>
    public string Sql { get; }

    /// <summary>The type of parameters.</summary>
    public NpgsqlDbType Db { get; }

    /// <summary>The second column; null for none.</summary>
    public SecondColumn? Second { get; }

    /// <summary>Whether values are lists.</summary>
    public bool IsList => Db.HasFlag(NpgsqlDbType.Array);

    /// <summary>Gets the mapping of a type.</summary>
    public static ColumnType Of(Type type) => all[Nullable.GetUnderlyingType(type) ?? type];

    /// <summary>Finds the mapping of a type; null if it has none.</summary>
    public static ColumnType? Find(Type type) => all.GetValueOrDefault(Nullable.GetUnderlyingType(type) ?? type);

    /// <summary>Makes a parameter of a value.</summary>
    public NpgsqlParameter Parameter(object? value) =>
        new() { NpgsqlDbType = Db, Value = value is null ? DBNull.Value : write(value) };

    /// <summary>Makes a parameter of a list of such values.</summary>
    public NpgsqlParameter ListParameter(IEnumerable<object?> values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | Db, Value = list(values) };

    /// <summary>Reads the value in the columns from an ordinal on.</summary>
    public object? Read(NpgsqlDataReader reader, int ordinal)
    {
        if (reader.IsDBNull(ordinal)) return null;
        var value = read(reader, ordinal);
        return Second is null ? value : Second.Join(value, reader.GetInt16(ordinal + 1));
    }

    private static ColumnType Of<T>(string sql, NpgsqlDbType db, Func<object, T> write, Func<T, object> read, SecondColumn? second = null)
        where T : notnull => new(sql, db, value => write(value), (reader, ordinal) => read(reader.GetFieldValue<T>(ordinal)),
        values => values.Select(value => value is null ? default : write(value)).ToArray(), second);
}

/// <summary>A second column, for the part of a value that the first column does not hold.</summary>
/// <param name="Suffix">The suffix of its name.</param>
/// <param name="Of">Computes its value.</param>
/// <param name="Join">Joins the values of the first column and this one.</param>
internal sealed record SecondColumn(string Suffix, Func<object, short> Of, Func<object, short, object> Join);
