using System.Linq.Expressions;

namespace MetricLearning.Search;

/// <summary>A collection that says by which metric it compares vectors, and from which embedding space they are.</summary>
internal interface IKnowsVectors<TRecord>
{
    /// <summary>The metric of a vector property.</summary>
    /// <param name="vector">The property; null for the only one.</param>
    /// <returns>Null if no property is named and there are several.</returns>
    SearchMetric? MetricOf(Expression<Func<TRecord, object?>>? vector);

    /// <summary>The embedding space of a vector property, as the store was given it.</summary>
    /// <param name="vector">The property; null for the only one.</param>
    /// <returns>Null if it is not known, or if no property is named and there are several.</returns>
    EmbeddingSpace? SpaceOf(Expression<Func<TRecord, object?>>? vector);
}
