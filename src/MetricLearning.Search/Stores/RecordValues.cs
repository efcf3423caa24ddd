using System.Collections;
using System.Globalization;

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

    /// <summary>The types of numbers. A conversion to a later type can only round.</summary>
    private static readonly Type[] numbers =
        [typeof(byte), typeof(short), typeof(int), typeof(long), typeof(ulong), typeof(decimal), typeof(float), typeof(double)];

    /// <summary>The types, as messages name them.</summary>
    public static string TypeNames { get; } =
        string.Join(", ", types.Select(type => type.IsGenericType ? $"List<{type.GenericTypeArguments[0].Name}>" : type.Name));

    /// <summary>Whether values may have a type or its nullable form.</summary>
    public static bool Has(Type type) => types.Contains(Nullable.GetUnderlyingType(type) ?? type);

    /// <summary>A type without its nullable form; the numbers of an enumeration in place of its names.</summary>
    public static Type Plain(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsEnum ? Enum.GetUnderlyingType(plain) : plain;
    }

    /// <summary>Whether values of a type are lists, bytes included.</summary>
    public static bool IsList(Type type) => type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type);

    /// <summary>Whether both types are numbers or enumerations.</summary>
    public static bool AreNumbers(Type first, Type second) => IsNumber(first) && IsNumber(second);

    /// <summary>Whether a number type has the values of another, at most rounded.</summary>
    public static bool Widens(Type from, Type to) => Array.IndexOf(numbers, from) is >= 0 and var place
        && Array.IndexOf(numbers, to) > place && from != typeof(decimal) && (to != typeof(ulong) || from == typeof(byte));

    /// <summary>Gives a value another type, if it stays the same: a number of the same value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="type">The type, not nullable.</param>
    /// <param name="same">Receives the value of this type.</param>
    public static bool TryAs(object value, Type type, out object same)
    {
        same = value is Enum ? Convert.ChangeType(value, Plain(value.GetType()), CultureInfo.InvariantCulture) : value;
        var own = same.GetType();
        if (own == type) return true;
        if (!AreNumbers(own, type)) return false;
        try
        {
            var given = same;
            same = Convert.ChangeType(given, type, CultureInfo.InvariantCulture);
            return Convert.ChangeType(same, own, CultureInfo.InvariantCulture).Equals(given);
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    private static bool IsNumber(Type type) => Type.GetTypeCode(type) is >= TypeCode.SByte and <= TypeCode.Decimal;

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
