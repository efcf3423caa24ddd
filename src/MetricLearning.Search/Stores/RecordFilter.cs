using System.Linq.Expressions;

namespace MetricLearning.Search;

/// <summary>Compiles a LINQ filter to a condition. The operators are those of <see cref="TypedFilter{TKey, TRecord}"/>.</summary>
/// <remarks>A list that is null has no elements. Calls that would throw on such a list are rewritten before the expression is
/// compiled.</remarks>
internal sealed class RecordFilter : ExpressionVisitor
{
    private RecordFilter()
    {
    }

    /// <summary>Compiles the condition.</summary>
    /// <exception cref="NotSupportedException">The filter uses an unsupported operator; the message names it.</exception>
    /// <exception cref="InvalidOperationException">The filter names a property that records do not have.</exception>
    public static RecordCondition<TRecord> Compile<TKey, TRecord>(RecordModel<TKey, TRecord> model, Expression<Func<TRecord, bool>> filter)
        where TKey : notnull where TRecord : class
    {
        var typed = TypedFilter<TKey, TRecord>.Of(model, filter);
        var body = new RecordFilter().Visit(typed.Body);
        return new(Expression.Lambda<Func<TRecord, bool>>(body, filter.Parameters).Compile(), typed.Uses);
    }

    /// <summary>Makes Contains and Any false if their list is null.</summary>
    protected override Expression VisitMethodCall(MethodCallExpression node) => 
        node.Method.DeclaringType != typeof(Enumerable) || node.Method.Name is not (nameof(Enumerable.Contains) or nameof(Enumerable.Any))
        ? base.VisitMethodCall(node)
        : Expression.AndAlso(Expression.NotEqual(node.Arguments[0], Expression.Constant(null, node.Arguments[0].Type)),
            base.VisitMethodCall(node));
}
