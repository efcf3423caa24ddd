using System.Collections;
using System.Linq.Expressions;
using Npgsql;

namespace MetricLearning.Search;

/// <summary>Translates a LINQ filter to SQL. It supports the operators of <see cref="TypedFilter{TKey, TRecord}"/>, keeps the same
/// records as <see cref="RecordFilter"/>, and refuses other operators with an error that names them. Captured values become
/// parameters.</summary>
/// <remarks>C# has two truth values and SQL has three. Each condition here is true in SQL if it is true in C#, and otherwise false or
/// unknown. Negations move inward to the comparisons, where <c>IS NOT TRUE</c> turns three values into two.</remarks>
internal sealed class SqlFilter<TKey, TRecord> where TKey : notnull where TRecord : class
{
    private const string True = "TRUE", False = "FALSE";

    private readonly RecordModel<TKey, TRecord> model;
    private readonly ParameterExpression record;
    private readonly List<NpgsqlParameter> parameters;
    private readonly Dictionary<ParameterExpression, SqlValue> elements = [];

    private SqlFilter(RecordModel<TKey, TRecord> model, ParameterExpression record, List<NpgsqlParameter> parameters) =>
        (this.model, this.record, this.parameters) = (model, record, parameters);

    /// <summary>Translates a filter to an SQL condition.</summary>
    /// <param name="model">The records.</param>
    /// <param name="filter">The filter.</param>
    /// <param name="parameters">The parameters of the command so far; those of the filter are added.</param>
    /// <exception cref="NotSupportedException">The filter uses an unsupported operator; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The filter names a property that records do not have.</exception>
    public static string Of(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter, List<NpgsqlParameter> parameters)
    {
        var typed = TypedFilter<TKey, TRecord>.Of(model, filter);
        return new SqlFilter<TKey, TRecord>(model, filter.Parameters[0], parameters).Condition(typed.Body, holds: true);
    }

    /// <summary>Translates a condition, or its negation if <paramref name="holds"/> is false.</summary>
    private string Condition(Expression node, bool holds)
    {
        if (!UsesParameters(node)) return Value(node) is true == holds ? True : False;
        switch (node)
        {
            case UnaryExpression { NodeType: ExpressionType.Not } not when node.Type == typeof(bool):
                return Condition(not.Operand, !holds);
            case BinaryExpression { NodeType: ExpressionType.AndAlso or ExpressionType.OrElse } logic:
                var joined = logic.NodeType == ExpressionType.AndAlso == holds ? "AND" : "OR";
                return $"({Condition(logic.Left, holds)} {joined} {Condition(logic.Right, holds)})";
            case BinaryExpression comparison:
                var compared = Comparison(comparison);
                return comparison.NodeType == ExpressionType.NotEqual ? Signed(compared, !holds) : Signed(compared, holds);
            case MethodCallExpression { Method.Name: nameof(Enumerable.Contains), Arguments: [var list, var value] }:
                return Signed(Contains(list, value), holds);
            case MethodCallExpression { Method.Name: nameof(Enumerable.Any), Arguments: [var source, LambdaExpression condition] }:
                return Signed(Any(source, condition), holds);
            default:
                return Signed(Operand(node).Sql, holds);
        }
    }

    private static bool IsCondition(Expression node) => node.Type == typeof(bool) && (node is BinaryExpression or MethodCallExpression
        || node.NodeType == ExpressionType.Not);

    private static string Signed(string condition, bool holds) => holds ? condition : condition == True ? False : condition == False ? True
        : $"(({condition}) IS NOT TRUE)";

    /// <summary>Translates a comparison. An inequality is translated as an equality, which the caller negates.</summary>
    private string Comparison(BinaryExpression node)
    {
        var (left, right) = (Operand(node.Left), Operand(node.Right));
        var equality = node.NodeType is ExpressionType.Equal or ExpressionType.NotEqual;
        if (left.IsNull || right.IsNull)
            return !equality ? False : left.IsNull && right.IsNull ? True : $"{(left.IsNull ? right : left).Sql} IS NULL";
        if (!Keeps(left) || !Keeps(right)) return False;
        var sign = node.NodeType switch
        {
            ExpressionType.LessThan => "<",
            ExpressionType.LessThanOrEqual => "<=",
            ExpressionType.GreaterThan => ">",
            ExpressionType.GreaterThanOrEqual => ">=",
            _ => "=",
        };
        var compared = $"({left.Sql} {sign} {right.Sql}{NoNaN(left)}{NoNaN(right)})";
        return equality && !left.IsGiven && !right.IsGiven ? $"({compared} OR ({left.Sql} IS NULL AND {right.Sql} IS NULL))" : compared;

        static string NoNaN(SqlValue value) => value.MayBeNaN ? $" AND {value.Sql} <> 'NaN'" : "";
    }

    /// <summary>Whether a column can have this value: PostgreSQL has no text with U+0000.</summary>
    private static bool Keeps(SqlValue value) => !value.IsGiven || StoredText.CanKeepValue(value.Given!);

    private string Contains(Expression list, Expression element)
    {
        var value = Operand(element);
        if (UsesParameters(list))
        {
            if (!Keeps(value)) return False;
            var column = Operand(list).Sql;
            // An index supports @>, but @> does not find null.
            return value.IsGiven && !value.IsNull ? $"{column} @> ARRAY[{value.Sql}]"
                : $"array_position({column}, {(value.IsNull ? "NULL" : value.Sql)}) IS NOT NULL";
        }
        if (Value(list) is not IEnumerable given) return False;
        object?[] all = [.. given.Cast<object?>()];
        var parameter = Add(ColumnType.Of(value.Type).ListParameter(all.Where(item => item is not null && StoredText.CanKeepValue(item))));
        return all.Contains(null) ? $"({value.Sql} = ANY({parameter}) OR {value.Sql} IS NULL)" : $"{value.Sql} = ANY({parameter})";
    }

    private string Any(Expression list, LambdaExpression condition)
    {
        string source;
        var element = condition.Parameters[0];
        if (UsesParameters(list)) source = Operand(list).Sql;
        else
        {
            if (Value(list) is not IEnumerable given) return False;
            object?[] all = [.. given.Cast<object?>().Where(item => item is null || StoredText.CanKeepValue(item))];
            if (element.Type.IsValueType && all.Contains(null))
                throw new NotSupportedException($"A filter cannot use Any on a list with nulls: {list}.");
            source = Add(ColumnType.Of(element.Type).ListParameter(all));
        }
        var name = $"element_{elements.Count}";
        elements[element] = new SqlValue($"{name}.value", RecordValues.Plain(element.Type));
        return $"EXISTS (SELECT 1 FROM unnest({source}) AS {name}(value) WHERE {Condition(condition.Body, holds: true)})";
    }

    private SqlValue Operand(Expression node)
    {
        if (!UsesParameters(node)) return Given(Value(node), RecordValues.Plain(node.Type));
        switch (node)
        {
            case ParameterExpression parameter when elements.TryGetValue(parameter, out var element): return element;
            case MemberExpression member: return Column(member.Member.Name);
            case MethodCallExpression { Method.Name: "get_Item" } entry: return Column((string)Value(entry.Arguments[0])!);
            case UnaryExpression { NodeType: ExpressionType.Convert } cast: return Converted(cast);
            case var condition when IsCondition(condition):
                return new SqlValue($"(({Condition(node, holds: true)}) IS TRUE)", typeof(bool));
            default: throw new NotSupportedException($"A filter cannot use {node.NodeType} on a record: {node}.");
        }
    }

    private SqlValue Converted(UnaryExpression cast)
    {
        var (value, type) = (Operand(cast.Operand), RecordValues.Plain(cast.Type));
        if (type == value.Type) return value;
        // PostgreSQL rounds as C# does.
        if (RecordValues.Widens(value.Type, type)) return value with { Sql = $"({value.Sql})::{ColumnType.Of(type).Sql}", Type = type };
        throw new NotSupportedException($"A filter cannot convert {value.Type.Name} to {type.Name} on a record: {cast}.");
    }

    private SqlValue Column(string name)
    {
        var property = model.Named(name)!;
        return new SqlValue(SqlNames.Quoted(property.StorageName), RecordValues.Plain(property.Type));
    }

    private SqlValue Given(object? value, Type type)
    {
        if (value is null) return new SqlValue("NULL", type, true);
        var stored = ColumnType.Find(type) ?? ColumnType.Find(value.GetType())
            ?? throw new NotSupportedException($"A filter cannot compare with a {value.GetType().Name}.");
        return new SqlValue(StoredText.CanKeepValue(value) ? Add(stored.Parameter(value)) : "NULL",
            ColumnType.Find(type) is null ? value.GetType() : type, true, value);
    }

    private string Add(NpgsqlParameter parameter)
    {
        parameters.Add(parameter);
        return $"${parameters.Count}";
    }

    /// <summary>Whether an expression uses the record or an element of a list.</summary>
    private bool UsesParameters(Expression node)
    {
        var search = new ParameterSearch(record, elements.Keys);
        search.Visit(node);
        return search.Found;
    }

    private static object? Value(Expression node) => TypedFilter<TKey, TRecord>.Captured(node);

    private sealed class ParameterSearch(ParameterExpression record, ICollection<ParameterExpression> elements) : ExpressionVisitor
    {
        public bool Found { get; private set; }

        protected override Expression VisitParameter(ParameterExpression node)
        {
            Found |= node == record || elements.Contains(node);
            return node;
        }
    }
}
