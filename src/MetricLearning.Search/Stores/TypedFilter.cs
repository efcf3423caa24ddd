using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Linq.Expressions;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>A filter of records in a form that all stores read alike: every value of a record has the type of its property, and is never
/// cast to object.</summary>
/// <remarks>
/// <para>The operators: <c>== != &lt; &lt;= &gt; &gt;= &amp;&amp; || !</c>, properties of the record, <c>HasValue</c> and <c>Value</c> of
/// nullable ones, captured values, <c>Contains</c> of a list of the record or of captured values, and <c>Any</c> over a list of the
/// record.</para>
/// <para>Values are compared, never references. C# compares references if one side has the type object, as the entries of a dictionary do;
/// here the value of that side gets the type of the property. A number of another type is equal if it has the same value. An entry may be
/// cast to its type, to a number type that holds all its values, or to an enumeration.</para>
/// <para>The <c>Value</c> of null, and an entry that is null and is cast to a value, are compared like null. As a condition they are
/// false.</para>
/// <para><c>Contains</c> and <c>Any</c> are calls of <see cref="Enumerable"/>, whatever the filter called. Texts are compared by their
/// characters. A captured set that ignores case is refused, because a database cannot compare as it does.</para>
/// </remarks>
internal sealed class TypedFilter<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private readonly RecordModel<TKey, TRecord> model;
    private readonly ParameterExpression record;
    private readonly List<PropertyModel> uses = [];

    private TypedFilter(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter)
    {
        (this.model, record) = (model, filter.Parameters[0]);
        Body = Condition(filter.Body);
    }

    /// <summary>The condition.</summary>
    public Expression Body { get; }

    /// <summary>The properties that the condition reads.</summary>
    public IReadOnlyList<PropertyModel> Uses => [.. uses.Distinct()];

    /// <summary>Reads a filter.</summary>
    /// <exception cref="NotSupportedException">The filter uses an unsupported operator; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The filter names a property that records do not have.</exception>
    public static TypedFilter<TKey, TRecord> Of(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter) =>
        new(model, filter);

    /// <summary>The value of an expression that does not depend on a record.</summary>
    public static object? Captured(Expression node) =>
        Expression.Lambda<Func<object?>>(Expression.Convert(node, typeof(object))).Compile(preferInterpretation: true)();

    /// <summary>A condition: an expression of type bool.</summary>
    private Expression Condition(Expression node)
    {
        if (!IsOfRecord(node)) return node;
        var value = Value(node);
        return value.Type == typeof(bool) ? value : value.Type == typeof(bool?)
            ? Expression.Equal(value, Expression.Constant(true, typeof(bool?))) : throw Refused(node);
    }

    /// <summary>A value, of the type of its property. It is nullable where it may be null.</summary>
    private Expression Value(Expression node)
    {
        if (!IsOfRecord(node)) return node;
        switch (node)
        {
            case ParameterExpression parameter when parameter != record: return parameter;
            case MemberExpression { Expression: { } value } member when Nullable.GetUnderlyingType(value.Type) is not null:
                return member.Member.Name switch
                {
                    "Value" => Value(value),
                    "HasValue" when Value(value) is var known && MayBeNull(known) => Expression.NotEqual(known, Null(known)),
                    _ => throw Refused(node),
                };
            case MemberExpression member when member.Expression == record:
                Use(member.Member.Name);
                return member;
            case MethodCallExpression { Method.Name: "get_Item" } entry when entry.Object == record && !IsOfRecord(entry.Arguments[0]):
                return Expression.Convert(entry, OrNull(Use((string)Captured(entry.Arguments[0])!).Type));
            case UnaryExpression { NodeType: ExpressionType.Convert } cast: return Converted(cast);
            case UnaryExpression { NodeType: ExpressionType.Not } not when not.Type == typeof(bool):
                return Expression.Not(Condition(not.Operand));
            case BinaryExpression { NodeType: ExpressionType.AndAlso or ExpressionType.OrElse } logic:
                return Expression.MakeBinary(logic.NodeType, Condition(logic.Left), Condition(logic.Right));
            case BinaryExpression
            {
                NodeType: ExpressionType.Equal or ExpressionType.NotEqual or ExpressionType.LessThan or ExpressionType.LessThanOrEqual
                    or ExpressionType.GreaterThan or ExpressionType.GreaterThanOrEqual
            } comparison: return Comparison(comparison);
            case MethodCallExpression { Method.Name: nameof(Enumerable.Contains) } call when Parts(call) is [var list, var element]:
                return Contains(call, list, element);
            case MethodCallExpression { Method.Name: nameof(Enumerable.Any), Arguments: [var source, LambdaExpression condition] } call
                when call.Method.DeclaringType == typeof(Enumerable):
                return Expression.Call(call.Method, Value(source),
                    Expression.Lambda(condition.Type, Condition(condition.Body), condition.Parameters));
            default: throw Refused(node);
        }
    }

    /// <summary>A conversion. One to object, or to another name of the same value, is left out.</summary>
    private Expression Converted(UnaryExpression cast)
    {
        var value = Value(cast.Operand);
        var (from, to) = (RecordValues.Plain(value.Type), RecordValues.Plain(cast.Type));
        if (to.IsAssignableFrom(from)) return value;
        if (Entry(cast.Operand) is { } name && !RecordValues.Widens(from, to))
            throw new NotSupportedException($"A filter cannot convert '{name}', which is {from.Name}, to {to.Name}: {cast}. Cast it to "
                + $"{from.Name}.");
        if (cast.Method is null && !RecordValues.AreNumbers(from, to)) throw Refused(cast);
        return Expression.Convert(value, Nullable.GetUnderlyingType(value.Type) is null ? to : OrNull(to), cast.Method);
    }

    private Expression Comparison(BinaryExpression node)
    {
        var (left, right) = (Value(node.Left), Value(node.Right));
        var equality = node.NodeType is ExpressionType.Equal or ExpressionType.NotEqual;
        if (equality && IsNull(right)) return WithNull(left);
        if (equality && IsNull(left)) return WithNull(right);
        if (!IsOfRecord(left) || !IsOfRecord(right))
        {
            var (known, given) = IsOfRecord(left) ? (left, right) : (right, left);
            if (Like(known.Type, given, node) is not { } like) return Expression.Constant(node.NodeType == ExpressionType.NotEqual);
            (left, right) = IsOfRecord(left) ? (left, like) : (like, right);
        }
        var (first, second) = (RecordValues.Plain(left.Type), RecordValues.Plain(right.Type));
        if (first != second && RecordValues.Widens(first, second)) left = Expression.Convert(left, OrNull(second));
        else if (first != second && RecordValues.Widens(second, first)) right = Expression.Convert(right, OrNull(first));
        else if (first != second) throw Unlike(first, second, node);
        if (RecordValues.IsList(first))
            throw new NotSupportedException($"A filter cannot compare lists: {node}. Use Contains or Any on them.");
        if (left.Type != right.Type) (left, right) = (Lifted(left), Lifted(right));
        return Expression.MakeBinary(node.NodeType, left, right);

        Expression WithNull(Expression value) => IsOfRecord(value) && !MayBeNull(value)
            ? Expression.Constant(node.NodeType == ExpressionType.NotEqual)
            : Expression.MakeBinary(node.NodeType, value, Null(value));

        static Expression Lifted(Expression side) => OrNull(side.Type) is var type && type != side.Type
            ? Expression.Convert(side, type) : side;
    }

    private Expression Contains(Expression node, Expression list, Expression element)
    {
        var (all, value) = (Value(list), Value(element));
        var (item, type) = (ElementOf(all.Type), RecordValues.Plain(value.Type));
        if (item == typeof(string) && !IsOfRecord(all)) all = Expression.Constant(Texts(Captured(all), node), typeof(HashSet<string?>));
        if (RecordValues.Plain(item) != type && IsOfRecord(all))
        {
            if (Like(item, value, node) is not { } like || IsNull(like) && OrNull(item) != item) return Expression.Constant(false);
            value = like;
        }
        else if (RecordValues.Plain(item) != type || item.IsEnum)
        {
            item = OrNull(type);
            var array = FilterType.Of(item).NewArray;
            all = Expression.Constant(Listed(Captured(all) as IEnumerable, item, array, node), array(0).GetType());
        }
        if (value.Type == item || OrNull(value.Type) == item || !MayBeNull(value)) return Call();
        // A list of values without null does not contain null.
        return Expression.AndAlso(Expression.NotEqual(value, Null(value)), Call());

        Expression Call() => Expression.Call(FilterType.Of(item).Contains, all,
            value.Type == item ? value : Expression.Convert(value, item));
    }

    /// <summary>The texts of a captured list; null if it is null.</summary>
    /// <exception cref="NotSupportedException">The list is a set, or the keys of a dictionary, that ignores case.</exception>
    private static HashSet<string?>? Texts(object? list, Expression node)
    {
        if (list is not IEnumerable<string?> given) return null;
        var texts = new HashSet<string?>(given, StringComparer.Ordinal);
        if (list is ICollection<string?> own && (list is ISet<string?> or not IList<string?>)
            && texts.FirstOrDefault(text => Adds(text?.ToUpperInvariant()) || Adds(text?.ToLowerInvariant())) is { } found)
            throw new NotSupportedException($"A filter cannot use Contains of a {list.GetType().Name} that ignores case, as this one does "
                + $"for '{MessageText.Excerpt(found)}': {node}. Use a list of all spellings.");
        return texts;

        bool Adds(string? other) => other is not null && !texts.Contains(other) && own.Contains(other);
    }

    /// <summary>The values of a captured list of objects that a property of this type can have, as this type.</summary>
    private static Array? Listed(IEnumerable? given, Type type, Func<int, Array> newArray, Expression node)
    {
        if (given is null) return null;
        var kept = given.Cast<object?>().Select(value => (IsNull: value is null, Same: value is null ? null : Same(value, type, node)))
            .Where(value => value.IsNull || value.Same is not null).ToArray();
        var list = newArray(kept.Length);
        for (var i = 0; i < kept.Length; i++) list.SetValue(kept[i].Same, i);
        return list;
    }

    /// <summary>Gives a captured value the type of a value of the record; null if no record can have the value.</summary>
    private Expression? Like(Type ofRecord, Expression captured, Expression node)
    {
        var (type, other) = (RecordValues.Plain(ofRecord), RecordValues.Plain(captured.Type));
        if (type == other) return captured;
        if (IsOfRecord(captured)) throw Unlike(type, other, node);
        return Captured(captured) is not { } value ? Expression.Constant(null, OrNull(type))
            : Same(value, type, node) is { } same ? Expression.Constant(same, OrNull(type)) : null;
    }

    /// <summary>A captured value as a type; null if the type lacks this number.</summary>
    private static object? Same(object value, Type type, Expression node) =>
        RecordValues.TryAs(value, RecordValues.Plain(type), out var same) ? same
        : RecordValues.AreNumbers(value.GetType(), RecordValues.Plain(type)) ? null
        : throw Unlike(RecordValues.Plain(type), value.GetType(), node);

    /// <summary>The list and the value of a call of Contains, in any of its forms. C# 14 calls it on spans of arrays.</summary>
    private static Expression[]? Parts(MethodCallExpression node) => (node.Method.DeclaringType, node.Object, node.Arguments) switch
    {
        (var type, null, [var list, var value]) when type == typeof(Enumerable) => [list, value],
        (var type, null, [var span, var value]) when type == typeof(MemoryExtensions) => [Unwrapped(span), value],
        (var type, null, [var span, var value, ConstantExpression { Value: null }]) when type == typeof(MemoryExtensions)
            => [Unwrapped(span), value],
        (not null, { } list, [var value]) when list.Type != typeof(string) => [list, value],
        _ => null,
    };

    private static Expression Unwrapped(Expression span) => span switch
    {
        MethodCallExpression { Method.Name: "op_Implicit", Arguments: [var array] } => array,
        UnaryExpression { NodeType: ExpressionType.Convert, Operand: var array } => array,
        _ => span,
    };

    /// <summary>The type of a list's elements.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "The filter looks for a value in the list, which enumerates it.")]
    private static Type ElementOf(Type list) => list.GetElementType() ?? list.GetInterfaces().Append(list)
        .First(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IEnumerable<>)).GenericTypeArguments[0];

    /// <summary>Takes note of a property that the filter reads. The definition must have its name.</summary>
    private PropertyModel Use(string name)
    {
        uses.Add(model.Values.FirstOrDefault(property => property.ModelName == name) ?? throw Unknown(name));
        return uses[^1];
    }

    /// <summary>The name of the entry that a value is; null if it is none.</summary>
    private string? Entry(Expression node) => node switch
    {
        UnaryExpression { NodeType: ExpressionType.Convert } cast => Entry(cast.Operand),
        MethodCallExpression { Method.Name: "get_Item" } entry when entry.Object == record => (string)Captured(entry.Arguments[0])!,
        _ => null,
    };

    private bool IsNull(Expression node) => !IsOfRecord(node) && !(node.Type.IsValueType && Nullable.GetUnderlyingType(node.Type) is null)
        && Captured(node) is null;

    private static bool MayBeNull(Expression value) => !value.Type.IsValueType || Nullable.GetUnderlyingType(value.Type) is not null;

    private static ConstantExpression Null(Expression value) => Expression.Constant(null, OrNull(value.Type));

    private static Type OrNull(Type type) => FilterType.Of(type).OrNull;

    private bool IsOfRecord(Expression node)
    {
        var search = new ParameterSearch(record);
        search.Visit(node);
        return search.Found;
    }

    private static NotSupportedException Refused(Expression node) =>
        new($"A filter cannot use {(node is MethodCallExpression call ? $"the method {call.Method.Name}" : $"{node.NodeType}")} on a "
            + $"record: {node}. It takes ==, !=, <, <=, >, >=, &&, ||, !, HasValue and Value of a nullable property, and Contains and "
            + "Any of a list; a text has neither.");

    private static NotSupportedException Unlike(Type type, Type other, Expression node) =>
        new($"A filter cannot compare {type.Name} with {other.Name}: {node}. Give a value of the type {type.Name}.");

    private InvalidOperationException Unknown(string name) => new(model.Named(name) is null
        ? $"A filter names the property '{name}', which records do not have."
        : $"A filter names the vector '{name}'; it can compare keys and data only.");

    private sealed class ParameterSearch(ParameterExpression parameter) : ExpressionVisitor
    {
        public bool Found { get; private set; }

        protected override Expression VisitParameter(ParameterExpression node)
        {
            Found |= node == parameter || node.Type != parameter.Type;
            return node;
        }
    }
}
