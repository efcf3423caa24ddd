using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>Which records a filter keeps.</summary>
/// <param name="Keeps">Asks for a record.</param>
/// <param name="Uses">The properties that the answer depends on.</param>
internal sealed record RecordCondition<TRecord>(Func<TRecord, bool> Keeps, IReadOnlyList<PropertyModel> Uses) where TRecord : class;
