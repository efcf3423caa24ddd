using Microsoft.Extensions.VectorData.ProviderServices;

namespace MetricLearning.Search;

/// <summary>A compiled filter of records.</summary>
/// <param name="Keeps">Whether the filter keeps a record.</param>
/// <param name="Uses">The properties that the answer depends on.</param>
internal sealed record RecordCondition<TRecord>(Func<TRecord, bool> Keeps, IReadOnlyList<PropertyModel> Uses) where TRecord : class;
