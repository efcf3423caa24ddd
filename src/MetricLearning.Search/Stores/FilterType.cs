using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using System.Reflection;

namespace MetricLearning.Search;

/// <summary>The types and methods that a filter needs for values of one type.</summary>
/// <remarks>A program that is compiled ahead of time has only the generic types and methods that its code names. So those of all types
/// that records can have are named here.</remarks>
internal sealed class FilterType
{
    private const string InTheFilter =
        "Records cannot have this type, so the user's filter converts to it. What the compiler did not see is refused when it is used.";

    private static readonly MethodInfo contains = ContainsOf<object>().GetGenericMethodDefinition();

    private static readonly Dictionary<Type, FilterType> all = new FilterType[][]
    {
        [new(typeof(string), ContainsOf<string>(), count => new string[count])],
        Of<bool>(), Of<Guid>(), Of<DateTime>(), Of<DateTimeOffset>(), Of<DateOnly>(), Of<TimeOnly>(), Of<TimeSpan>(),
        Of<sbyte>(), Of<byte>(), Of<short>(), Of<ushort>(), Of<int>(), Of<uint>(), Of<long>(), Of<ulong>(),
        Of<float>(), Of<double>(), Of<decimal>(),
    }.SelectMany(types => types).ToDictionary(known => known.Type);

    private FilterType(Type orNull, MethodInfo contains, Func<int, Array> newArray, Type? type = null) =>
        (Type, OrNull, Contains, NewArray) = (type ?? orNull, orNull, contains, newArray);

    /// <summary>The type.</summary>
    public Type Type { get; }

    /// <summary>The type itself if it has null, or its nullable form.</summary>
    public Type OrNull { get; }

    /// <summary>The method <c>Contains</c> of <see cref="Enumerable"/> for lists of the type.</summary>
    public MethodInfo Contains { get; }

    /// <summary>Makes an array of the type.</summary>
    public Func<int, Array> NewArray { get; }

    /// <summary>Gets what a filter needs for values of a type.</summary>
    public static FilterType Of(Type type) => all.TryGetValue(type, out var known) ? known : Made(type);

    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = InTheFilter)]
    [UnconditionalSuppressMessage("Trimming", "IL2060", Justification = InTheFilter)]
    [UnconditionalSuppressMessage("Trimming", "IL2055", Justification = InTheFilter)]
    private static FilterType Made(Type type) =>
        new(type.IsValueType && Nullable.GetUnderlyingType(type) is null ? typeof(Nullable<>).MakeGenericType(type) : type,
            contains.MakeGenericMethod(type), count => Array.CreateInstance(type, count), type);

    private static FilterType[] Of<T>() where T : struct =>
    [
        new(typeof(T?), ContainsOf<T>(), count => new T[count], typeof(T)), new(typeof(T?), ContainsOf<T?>(), count => new T?[count]),
    ];

    private static MethodInfo ContainsOf<T>()
    {
        Expression<Func<IEnumerable<T>, T, bool>> call = (list, value) => list.Contains(value);
        return ((MethodCallExpression)call.Body).Method;
    }
}
