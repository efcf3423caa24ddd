using System.Linq.Expressions;

namespace MetricLearning.Search;

/// <summary>A collection that says by which metric it compares vectors.</summary>
internal interface IKnowsMetric<TRecord>
{
    /// <summary>The metric of a vector property.</summary>
    /// <param name="vector">The property; null for the only one.</param>
    /// <returns>Null if no property is named and there are several.</returns>
    SearchMetric? MetricOf(Expression<Func<TRecord, object?>>? vector);
}
