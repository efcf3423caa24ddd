namespace MetricLearning.Search;

/// <summary>Keys as SQLite keeps them.</summary>
internal static class StoredKey
{
    /// <summary>A key as a value of a column.</summary>
    public static object Of(object key) => key switch
    {
        int number => (long)number,
        ulong number => unchecked((long)number),
        Guid guid => guid.ToString("D"),
        _ => key,
    };

    /// <summary>The key of a type that a column's value stands for.</summary>
    public static object Read(object value, Type type) => type == typeof(int) ? checked((int)(long)value)
        : type == typeof(ulong) ? unchecked((ulong)(long)value)
        : type == typeof(Guid) ? Guid.Parse((string)value)
        : value;
}
