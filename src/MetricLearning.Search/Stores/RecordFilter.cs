using System.Linq.Expressions;
using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Compiles a LINQ filter to a condition. It supports the operators that the abstractions name, and refuses all others with an
/// error that names them.</summary>
/// <remarks>
/// <para>The operators: <c>== != &lt; &lt;= &gt; &gt;= &amp;&amp; || !</c>, properties of the record, <c>HasValue</c> and <c>Value</c> of
/// nullable ones, captured values, <c>Contains</c> of a list of the record or of captured values, and <c>Any</c> over a list of the record.
/// A list that is null has no elements. A comparison with the <c>Value</c> of null is that with null.</para>
/// <para>Parts of the expression that would throw on null are rewritten before it is compiled.</para>
/// </remarks>
internal sealed class RecordFilter<TKey, TRecord> : ExpressionVisitor where TKey : notnull where TRecord : class
{
    private readonly RecordModel<TKey, TRecord> model;
    private readonly ParameterExpression record;
    private readonly List<PropertyModel> uses = [];

    private RecordFilter(RecordModel<TKey, TRecord> model, ParameterExpression record) => (this.model, this.record) = (model, record);

    /// <summary>Compiles the condition.</summary>
    /// <exception cref="NotSupportedException">The filter uses an unsupported operator; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The filter names a property that records do not have.</exception>
    public static RecordCondition<TRecord> Compile(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter)
    {
        var visitor = new RecordFilter<TKey, TRecord>(model, filter.Parameters[0]);
        var body = visitor.Visit(filter.Body);
        return new(Expression.Lambda<Func<TRecord, bool>>(body, filter.Parameters).Compile(), [.. visitor.uses.Distinct()]);
    }

    /// <summary>Throws if <see cref="Compile"/> would refuse the filter.</summary>
    public static void Check(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter) =>
        new RecordFilter<TKey, TRecord>(model, filter.Parameters[0]).Visit(filter.Body);

    protected override Expression VisitBinary(BinaryExpression node) => node.NodeType switch
    {
        ExpressionType.Equal or ExpressionType.NotEqual or ExpressionType.LessThan or ExpressionType.LessThanOrEqual
            or ExpressionType.GreaterThan or ExpressionType.GreaterThanOrEqual => Comparison(node),
        ExpressionType.AndAlso or ExpressionType.OrElse => base.VisitBinary(node),
        _ => IsOfRecord(node) ? throw Refused(node) : node,
    };

    protected override Expression VisitUnary(UnaryExpression node) => node.NodeType switch
    {
        ExpressionType.Convert when IsEntry(node.Operand) && node.Type == typeof(bool)
            => Expression.Equal(Expression.Convert(Visit(node.Operand), typeof(bool?)), Expression.Constant(true, typeof(bool?))),
        ExpressionType.Not or ExpressionType.Convert => base.VisitUnary(node),
        _ => IsOfRecord(node) ? throw Refused(node) : node,
    };

    /// <summary>Rewrites a comparison. If an entry of a dictionary is null and is cast to a number, it is compared like a nullable
    /// number.</summary>
    private Expression Comparison(BinaryExpression node)
    {
        var (left, right) = (Entry(node.Left), Entry(node.Right));
        return left.Type == node.Left.Type && right.Type == node.Right.Type ? base.VisitBinary(node)
            : Expression.MakeBinary(node.NodeType, Lifted(left), Lifted(right));

        Expression Entry(Expression side) => side is MemberExpression member && IsOfNullable(member, "Value") ? Visit(member.Expression!)
            : side is UnaryExpression { NodeType: ExpressionType.Convert } cast && IsEntry(cast.Operand)
            && side.Type.IsValueType && side.Type != typeof(bool) ? Expression.Convert(Visit(cast.Operand), Nullable(side.Type)) : side;

        Expression Lifted(Expression side) => side.Type.IsValueType && Nullable(side.Type) != side.Type
            ? Expression.Convert(Visit(side), Nullable(side.Type)) : Visit(side);

        static Type Nullable(Type type) =>
            System.Nullable.GetUnderlyingType(type) is null ? typeof(Nullable<>).MakeGenericType(type) : type;
    }

    /// <summary>Whether an expression is this member of a nullable value of the record.</summary>
    private bool IsOfNullable(MemberExpression node, string member) => node.Member.Name == member && node.Expression is { } value
        && Nullable.GetUnderlyingType(value.Type) is not null && IsOfRecord(value);

    private bool IsEntry(Expression node) =>
        node is MethodCallExpression { Method.Name: "get_Item" } call && call.Object == record && node.Type == typeof(object);

    protected override Expression VisitMember(MemberExpression node)
    {
        if (!IsOfRecord(node)) return node;
        if (IsOfNullable(node, "HasValue"))
            return Expression.NotEqual(Visit(node.Expression!), Expression.Constant(null, node.Expression!.Type));
        if (node.Expression != record) throw Refused(node);
        Use(node.Member.Name);
        return node;
    }

    protected override Expression VisitMethodCall(MethodCallExpression node)
    {
        if (!IsOfRecord(node)) return node;
        if (node.Method.Name == "get_Item" && node.Object == record) return ValueOf(node);
        if (node.Method.Name == nameof(Enumerable.Contains) && Parts(node) is [var list, var value])
            return Guarded(Visit(list), present => Call(nameof(Enumerable.Contains), ElementOf(list.Type), present, Visit(value)));
        if (node.Method.Name == nameof(Enumerable.Any) && node.Method.DeclaringType == typeof(Enumerable)
            && node.Arguments is [var source, LambdaExpression condition])
            return Guarded(Visit(source), present => Call(nameof(Enumerable.Any), condition.Parameters[0].Type, present,
                Expression.Lambda(Visit(condition.Body), condition.Parameters)));
        throw Refused(node);
    }

    protected override Expression VisitParameter(ParameterExpression node) => node == record ? throw Refused(node) : node;

    protected override Expression VisitConditional(ConditionalExpression node) => IsOfRecord(node) ? throw Refused(node) : node;

    protected override Expression VisitNew(NewExpression node) => IsOfRecord(node) ? throw Refused(node) : node;

    protected override Expression VisitNewArray(NewArrayExpression node) => IsOfRecord(node) ? throw Refused(node) : node;

    protected override Expression VisitTypeBinary(TypeBinaryExpression node) => IsOfRecord(node) ? throw Refused(node) : node;

    protected override Expression VisitInvocation(InvocationExpression node) => IsOfRecord(node) ? throw Refused(node) : node;

    /// <summary>Rewrites the access to an entry of a dictionary. The definition must have its name.</summary>
    private MethodCallExpression ValueOf(MethodCallExpression node)
    {
        var name = Expression.Lambda<Func<string>>(node.Arguments[0]).Compile()();
        Use(name);
        return node;
    }

    /// <summary>Takes note of a property that the filter reads.</summary>
    private void Use(string name) =>
        uses.Add(model.Values.FirstOrDefault(property => property.ModelName == name) ?? throw Unknown(name));

    /// <summary>The list and the value of a call of Contains, in any of its forms. C# 14 calls it on spans of arrays.</summary>
    public static Expression[]? Parts(MethodCallExpression node) => (node.Method.DeclaringType, node.Object, node.Arguments) switch
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

    /// <summary>Makes an expression that is false if a list is null; otherwise it is the result of <paramref name="use"/>.</summary>
    private static BinaryExpression Guarded(Expression list, Func<Expression, Expression> use) =>
        Expression.AndAlso(Expression.NotEqual(list, Expression.Constant(null, list.Type)), use(list));

    private static MethodCallExpression Call(string method, Type element, params Expression[] arguments) =>
        Expression.Call(typeof(Enumerable), method, [element], arguments);

    /// <summary>The type of a list's elements.</summary>
    public static Type ElementOf(Type list) => list.GetElementType() ?? list.GetInterfaces().Append(list)
        .First(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IEnumerable<>)).GenericTypeArguments[0];

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
