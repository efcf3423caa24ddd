namespace MetricLearning.Search;

/// <summary>The types of values that records may have in addition to keys and vectors.</summary>
internal static class RecordValues
{
    private static readonly Type[] types =
    [
        typeof(string), typeof(bool), typeof(byte), typeof(short), typeof(int), typeof(long), typeof(ulong), typeof(float), typeof(double),
        typeof(decimal), typeof(Guid), typeof(DateTime), typeof(DateTimeOffset), typeof(DateOnly), typeof(TimeOnly), typeof(TimeSpan),
        typeof(byte[]), typeof(string[]), typeof(List<string>), typeof(int[]), typeof(List<int>), typeof(long[]), typeof(List<long>),
    ];

    /// <summary>The types, as messages name them.</summary>
    public static string TypeNames { get; } =
        string.Join(", ", types.Select(type => type.IsGenericType ? $"List<{type.GenericTypeArguments[0].Name}>" : type.Name));

    /// <summary>Whether values may have a type or its nullable form.</summary>
    public static bool Has(Type type) => types.Contains(Nullable.GetUnderlyingType(type) ?? type);

    /// <summary>Copies a value, so that later changes of the original do not affect the copy.</summary>
    public static object? Copy(object? value) => value switch
    {
        Array array => array.Clone(),
        List<string> list => list.ToList(),
        List<int> list => list.ToList(),
        List<long> list => list.ToList(),
        _ => value,
    };
}
