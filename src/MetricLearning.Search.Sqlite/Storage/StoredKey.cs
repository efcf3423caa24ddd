namespace MetricLearning.Search;

/// <summary>Converts keys to values of SQLite and back.</summary>
internal static class StoredKey
{
    /// <summary>Converts a key to a value of a column.</summary>
    public static object Of(object key) => key switch
    {
        int number => (long)number,
        ulong number => unchecked((long)number),
        Guid guid => guid.ToString("D"),
        _ => key,
    };

    /// <summary>Converts a column's value to a key of a type.</summary>
    public static object Read(object value, Type type) => type == typeof(int) ? checked((int)(long)value)
        : type == typeof(ulong) ? unchecked((ulong)(long)value)
        : type == typeof(Guid) ? Guid.Parse((string)value)
        : value;
}
